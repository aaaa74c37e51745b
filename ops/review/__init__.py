"""What a change does, as people review it: data and downtime, rights, exposure, services, cost, limits, findings."""
