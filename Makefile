# Everything that people and CI do goes through here. `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := build

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO      ?= go
TOOL     = $(GO) tool -modfile=tools.mod
export GOFLAGS += -buildvcs=false
# SQLite else looks at the values of a statement when it plans it, and so parses and
# plans it anew at every use: a good half of all its work for a release.
export CGO_CFLAGS ?= -O2 -g -DSQLITE_ENABLE_QPSG

# Programs that nobody here wrote and that the tests print to, print from and
# sign in with. A test never skips because one is missing: this list is what it
# rests on.
PEERS := avahi-daemon avahi-utils dbus bind9 bind9-utils bind9-dnsutils iproute2 cups cups-client cups-bsd cups-daemon cups-ipp-utils rlpr socat w3m xinetd \
         slapd ldap-utils samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind python3-samba ldb-tools krb5-user \
         pcscd vsmartcard-vpcd pcsc-tools python3-aiosmtpd \
         poppler-utils qpdf ghostscript sslscan postgresql-15 chromium fonts-dejavu-core python3 python3-yaml zbar-tools \
         python3-jwt python3-cryptography gnutls-bin \
         openssl curl jq sqlite3 strace e2fsprogs xfsprogs util-linux
# LPRng and CUPS' BSD commands want the same file names, so LPRng is unpacked
# beside the tree instead of installed.
UNPACKED := lprng
export PLATEN_PEERS ?= $(CURDIR)/.peers

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

## build: build bin/platen
.PHONY: build
build: bin/platen

.PHONY: bin/platen
bin/platen:
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o $@ ./cmd/node

## run: build and start a whole node on loopback to print to (data in var/demo)
.PHONY: run
run: build
	exec bin/platen demo

## test: install what the tests need, then lint and run every test, and short rounds of fuzzing and chaos
.PHONY: test
test: peers lint vet-windows unit fuzz-short chaos-short

## unit: every test, with the race detector
.PHONY: unit
unit: peers
	$(GO) test -race -timeout 30m ./...

## lint: golangci-lint with the curated list in .golangci.yml
.PHONY: lint
lint:
	$(TOOL) golangci-lint run ./...

# What has no cgo must compile for Windows at any time; the whole program does
# so with a cross compiler, which is the business of its package.
.PHONY: vet-windows
vet-windows:
	GOOS=windows CGO_ENABLED=0 $(GO) vet $$($(GO) list ./... | grep -vE '/(store|cmd/node|internal/(chaos|bench|hostile|testkit).*)$$')

## fuzz: every fuzz target for FUZZTIME (30s)
FUZZTIME ?= 30s
.PHONY: fuzz
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; done

# What strangers write first, for FUZZTIME each: internal/fuzz/targets is the list.
.PHONY: fuzz-short
fuzz-short:
	GO=$(GO) internal/fuzz/short.sh $(FUZZTIME)

## chaos: kill the node again and again under load, then every fault of machine, disk and devices; check that it kept its word (ROUNDS, SEED; root)
ROUNDS ?= 200
SEED   ?=
CHAOS  := bin/chaos -node bin/platen-chaos $(if $(SEED),-seed $(SEED))
.PHONY: chaos
chaos: peers bin/platen-chaos
	$(CHAOS) -rounds $(ROUNDS)
	$(SUDO) $(CHAOS) -scenario all

## powercut: stop the file system (ext4, xfs) under a loaded node, cupsd, cups-lpd and LPRng, and see what is left (CUTS; root)
CUTS ?= 50
.PHONY: powercut
powercut: peers bin/platen-chaos
	$(SUDO) env PLATEN_PEERS="$(PLATEN_PEERS)" $(CHAOS) -cuts $(CUTS)

# The short round: a few dozen kills, each seeded defect must be found, most faults once,
# and a power cut of each kind.
.PHONY: chaos-short
chaos-short: peers bin/platen-chaos
	$(CHAOS) -short
	$(SUDO) $(CHAOS) -scenario short
	$(SUDO) $(CHAOS) -cuts 1 -peers 0

.PHONY: bin/platen-chaos
bin/platen-chaos:
	@mkdir -p bin
	$(GO) build -tags chaos -o $@ ./cmd/node
	$(GO) build -o bin/chaos ./internal/chaos

## hostile: thousands of idle, slow and half-done clients before a node, and whether normal jobs pass (ATTACK: part of a name)
ATTACK ?=
.PHONY: hostile
hostile: build
	$(GO) run ./internal/hostile -node bin/platen $(if $(ATTACK),-only "$(ATTACK)")

## bench: measure against the peers and the machine's own limits; never part of the tests (PART: lpd, ipp, large, release, idle, people, many)
PART ?=
.PHONY: bench
bench: peers build
	$(GO) run ./internal/bench -node bin/platen $(if $(PART),-only $(PART))

## soak: 20 jobs a second for SOAK (30m) with release, expiry and deletion; memory and descriptors once a minute
SOAK ?= 30m
.PHONY: soak
soak: build
	$(GO) run ./internal/bench -node bin/platen -soak $(SOAK)

## screenshots: a picture of every terminal page into var/screenshots
.PHONY: screenshots
screenshots: peers
	PLATEN_SCREENSHOTS=$(CURDIR)/var/screenshots $(GO) test -count=1 -run TestScreenshots ./ui

## package: a tar archive with the program, the unit file and the example configuration
.PHONY: package
package: build
	@rm -rf var/package && mkdir -p var/package/platen dist
	cp bin/platen LICENSE README.md CHANGELOG.md packaging/node.toml packaging/platen.service packaging/sync-directory.toml packaging/platen-sync-directory.service var/package/platen/
	tar -C var/package --sort=name --owner=0 --group=0 -czf dist/platen-$(VERSION)-linux-$(shell $(GO) env GOARCH).tar.gz platen
	@ls -l dist

## peers: install the programs that the tests use (apt; asks for root where needed)
.PHONY: peers
peers: $(PLATEN_PEERS)/lprng/usr/sbin/lpd $(PLATEN_PEERS)/go/zlint
	@missing=$$(for p in $(PEERS); do dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "installing what the tests need:" $$missing; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; \
	fi

$(PLATEN_PEERS)/lprng/usr/sbin/lpd:
	@mkdir -p $(PLATEN_PEERS)
	@cd $(PLATEN_PEERS) && { apt-get download -qq $(UNPACKED) || { $(SUDO) apt-get update -qq && apt-get download -qq $(UNPACKED); }; }
	@cd $(PLATEN_PEERS) && for d in *.deb; do dpkg -x $$d lprng; done && rm -f *.deb && touch lprng/usr/sbin/lpd

# Peers that are written in Go come from their modules.
$(PLATEN_PEERS)/go/zlint: peers.mod
	$(GO) build -modfile=peers.mod -o $(PLATEN_PEERS)/go/ tool && touch $@

## clean: remove what was built
.PHONY: clean
clean:
	rm -rf bin dist var/package

## help: this list
.PHONY: help
help:
	@sed -n 's/^## \([a-z-]*\): \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
