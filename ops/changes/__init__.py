"""What a deployment does to a running environment: compares the templates that are deployed with those that are about to be."""
