"""The whole deployment on one machine, without an AWS account: a container engine, an emulated AWS, and the real CDK CLI."""
