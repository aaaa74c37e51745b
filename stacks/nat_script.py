"""The script that turns a fresh Amazon Linux 2023 instance into a NAT, and tells CloudFormation whether it works.

It succeeds only after a request from a network namespace of its own, which the instance has to forward and translate like
one from a private subnet, has reached the internet.
"""

from __future__ import annotations

from typing import Final

# Signals need no credentials: CloudFormation checks that the instance belongs to the stack.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-signal.html
#
# Packages are installed only if the image lacks them. On 512 MB that needs swap, and it can meet another dnf or a network that is
# not up yet, so it is tried again. https://github.com/amazonlinux/amazon-linux-2023/issues/404
NAT_SCRIPT: Final = r"""
set -euo pipefail
step="starting"

report() {
  local code=$?
  trap - EXIT
  ip netns delete probe 2>/dev/null || true
  echo "$step: exit code $code"
  for _ in 1 2 3 4 5; do
    /opt/aws/bin/cfn-signal --exit-code "$code" --reason "NAT instance failed at: $step" \
      --stack "$STACK" --resource "$RESOURCE" --region "$REGION" && break
    sleep "$PAUSE"
  done
  exit "$code"
}
trap report EXIT

retry() {
  for _ in 1 2 3 4 5 6 7 8; do
    "$@" && return 0
    echo "failed, trying again in $PAUSE s: $*"
    sleep "$PAUSE"
  done
  return 1
}

add_swap() {
  dd if=/dev/zero of=/swapfile bs=1M count=512 status=none
  chmod 600 /swapfile
  mkswap /swapfile
  swapon /swapfile
}

packages=()
command -v nft >/dev/null || packages+=(nftables)
[ -x /opt/aws/bin/cfn-signal ] || packages+=(aws-cfn-bootstrap)
if [ "${#packages[@]}" -gt 0 ]; then
  step="installing ${packages[*]}"
  add_swap || echo "no swap; going on without"
  retry dnf install --assumeyes --setopt=install_weak_deps=False "${packages[@]}"
fi

step="setting up forwarding"
echo "net.ipv4.ip_forward = 1" >/etc/sysctl.d/90-nat.conf
sysctl --load=/etc/sysctl.d/90-nat.conf

# Declared, emptied and filled in one transaction, so that the unit can be started again.
cat >/etc/nat.nft <<RULES
table ip egress
delete table ip egress
table ip egress {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip daddr != $VPC_CIDR masquerade
  }
}
RULES

# A unit, since user data runs only at the first boot.
cat >/etc/systemd/system/nat-rules.service <<'UNIT'
[Unit]
Description=Address translation for the private subnets
Before=network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/nat.nft

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now nat-rules.service

step="looking up $PROBE"
resolve() { address=$(getent ahostsv4 "$PROBE" | awk 'NR == 1 { print $1 }') && [ -n "$address" ]; }
retry resolve

step="forwarding a request to $PROBE"
# 198.18.0.0/15 is for tests between networks: https://www.rfc-editor.org/rfc/rfc2544
ip netns add probe
ip link add nat-probe type veth peer name eth0 netns probe
ip address add 198.18.0.1/30 dev nat-probe
ip link set nat-probe up
ip -n probe address add 198.18.0.2/30 dev eth0
ip -n probe link set eth0 up
ip -n probe route add default via 198.18.0.1
retry ip netns exec probe curl --silent --show-error --max-time 10 --output /dev/null \
  --resolve "$PROBE:443:$address" "https://$PROBE/"
step="done"
"""
