#!/bin/sh
# Adds the print queues of [[ comment .Node.Host ]] to CUPS, without a driver.
# Written by Platen [[ comment .Version ]]. It may run again at any time: what is
# there stays, nothing is removed. Exit status: 0 all is there, 1 something is not,
# 2 this machine has no CUPS, 3 not root.
set -u
PATH="${PATH:-}:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
failed=0

say() {
	echo "platen: $*"
	if command -v logger >/dev/null 2>&1; then logger -t platen-deploy -- "$*" || :; fi
}

# queue NAME URI DESCRIPTION LOCATION
queue() {
	if LC_ALL=C lpstat -v "$1" 2>/dev/null | grep -Fxq "device for $1: $2"; then
		say "$1 is there"
	elif lpadmin -p "$1" -E -v "$2" -m everywhere -D "$3" -L "$4"; then
		say "$1 was added: $2"
	else
		say "$1 could not be added: $2"
		failed=1
	fi
}

if ! command -v lpadmin >/dev/null 2>&1; then
	say "CUPS is not installed here"
	exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
	say "this needs root"
	exit 3
fi
[[- if .Ders ]]

# The authority that vouches for the node.
trust() {
	if [ -d /etc/pki/ca-trust/source/anchors ]; then
		file=/etc/pki/ca-trust/source/anchors/platen-$1.pem renew=update-ca-trust
	else
		file=/usr/local/share/ca-certificates/platen-$1.crt renew=update-ca-certificates
	fi
	if cat >"$file.new" && cmp -s "$file.new" "$file"; then
		rm -f "$file.new"
		say "the authority is there: $file"
	elif mv -f "$file.new" "$file" && "$renew" >/dev/null; then
		say "the authority was added: $file"
	else
		say "the authority could not be added: $file"
		failed=1
	fi
}
trust [[ sh .Node.Host ]] <<'PEM'
[[ .PEM ]]
PEM
[[- end ]]

[[ range .Queues -]]
queue [[ sh .Name ]] [[ sh .IPPS ]] [[ sh .Label ]] [[ sh .Location ]]
[[ end -]]
exit "$failed"
