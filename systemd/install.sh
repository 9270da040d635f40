#!/bin/sh
# Installs this version of secmon beside the ones that are there, from the files here alone.
#
#   ./install.sh               as root; a second time, it makes this version the current one again
#   ./install.sh --root DIR    below DIR: an image, a test. PYTHON=... names another python3
#
# It starts, stops and enables nothing, and leaves site file, secrets and store alone.
set -eu
umask 022

root=
case "${1:-}" in
    "") ;;
    --root) root=$(cd "${2:?expected a folder after --root}" && pwd) ;;
    *) echo "usage: ./install.sh [--root DIR]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")"
version=$(cat VERSION)
python=${PYTHON:-python3}
releases=$root/opt/secmon
release=$releases/$version

refuse() { echo "install: $*" >&2; exit 1; }

sha256sum --quiet --strict -c SHA256SUMS >&2 || refuse "the archive is damaged: nothing was changed"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    refuse "expected python3 >= 3.11 (got $("$python" -V 2>&1 || echo none)): say PYTHON=..."
"$python" -c 'import ensurepip, venv' 2>/dev/null || refuse "'$python' has no venv: install python3-venv"

works() { [ -e "$release/complete" ] && "$release/bin/secmon" --version >/dev/null 2>&1; }

if ! works; then # not there, half there, or its python has gone (a newer Debian)
    mkdir -p "$releases"
    "$python" -m venv --clear "$release"
    # Nobody's settings, no index: what is not here is missing.
    PIP_CONFIG_FILE=/dev/null "$release/bin/python" -I -m pip --isolated install -q --no-index \
        --no-cache-dir --disable-pip-version-check --find-links wheels "secmon==$version" ||
        refuse "this archive does not fit: no wheels for $("$python" -V) on $(uname -m)"
    mkdir -p "$release/share" # a wheel may have brought its manual page there
    cp -R config docs systemd grafana LICENSE README.md CHANGELOG.md "$release/share"
    : >"$release/complete"
fi

"$release/bin/secmon" --version
ln -sfn "$version" "$releases/current.new"
mv -T "$releases/current.new" "$releases/current"
mkdir -p "$root/usr/local/bin" "$root/etc/systemd/system" "$root/etc/secmon/secrets"
chmod 700 "$root/etc/secmon/secrets"
ln -sfn ../../../opt/secmon/current/bin/secmon "$root/usr/local/bin/secmon"
cp systemd/secmon.service "$root/etc/systemd/system/secmon.service"
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
echo "installed in $release; the site file is $root/etc/secmon/secmon.yaml"
echo "next: secmon check, then systemctl restart secmon (docs/install.zh.md)"
