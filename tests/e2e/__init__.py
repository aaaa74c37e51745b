"""The whole product in use: deployed to the emulator with the real CLI, called through the load balancer, broken and repaired."""
