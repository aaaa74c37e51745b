"""The whole product in use: deployed to the emulator with the real CLI, asked through the load balancer, broken and mended."""
