#!/bin/sh
# Copyright The Tapio Authors
# SPDX-License-Identifier: Apache-2.0

# After the files are in place. Debian: configure [OLD VERSION]; rpm: 1 for an installation, 2 for an upgrade.
set -e

if ! getent passwd tapio > /dev/null; then
	if command -v systemd-sysusers > /dev/null; then
		systemd-sysusers /usr/lib/sysusers.d/tapio.conf
	else
		useradd --system --user-group --no-create-home --home-dir /var/lib/tapio --shell /usr/sbin/nologin tapio
	fi
fi

# Nothing to start in a container or a chroot.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
case "$1:${2:-}" in
configure: | 1:*)
	systemctl enable tapio.service
	systemctl start tapio.service || echo 'tapio was installed, but did not start: see `journalctl -u tapio`.' >&2
	;;
*) systemctl try-restart tapio.service || echo 'tapio was upgraded, but did not start: see `journalctl -u tapio`.' >&2 ;;
esac
