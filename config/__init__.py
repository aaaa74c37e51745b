"""The configuration: one typed, checked and frozen object per environment and per service.

Whatever AWS or Kubernetes would refuse at deployment and can be detected earlier is refused here, in one line.
"""
