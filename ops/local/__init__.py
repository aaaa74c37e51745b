"""The whole deployment on one machine, with no AWS account: container engine, embedded AWS, and the real CDK CLI between them."""
