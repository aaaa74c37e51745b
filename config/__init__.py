"""What the platform is told: one typed, checked and frozen object an environment and one a service.

Everything that AWS or Kubernetes would refuse at deployment, and that can be known beforehand, is refused here, in one line.
"""
