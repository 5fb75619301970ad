package spool

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platen/fault"
)

func TestKeysAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	made, err := CreateKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := made.Export()
	if err != nil {
		t.Fatal(err)
	}
	imported, err := ImportKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Keys{loaded, imported} {
		if k.ID() != made.ID() || !bytes.Equal(k.TokenDigest("t"), made.TokenDigest("t")) || k.wrapID() != made.wrapID() {
			t.Errorf("keys %s came back as %s", made.ID(), k.ID())
		}
	}
	if _, err := CreateKeys(path); !fault.Is(err, fault.Conflict) {
		t.Errorf("keys made twice: %v", err)
	}
	if _, err := LoadKeys(filepath.Join(t.TempDir(), "none")); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing keys: %v", err)
	}
	if _, err := LoadKeys(t.TempDir()); err == nil {
		t.Error("a folder was read as keys")
	}
	if _, err := CreateKeys(filepath.Join(path, "below")); err == nil {
		t.Error("keys were made below a file")
	}
}

func TestKeyFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := CreateKeys(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDamagedKeysAreRefusedWithoutQuotingThem(t *testing.T) {
	good, err := CreateKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := good.Export()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	id := good.wrapID()
	before := func(s, sep string) string { head, _, _ := strings.Cut(s, sep); return head }
	tests := map[string]string{
		"empty":           "",
		"not JSON":        "hello",
		"cut":             text[:len(text)/2],
		"another format":  strings.Replace(text, keyFormat, "other", 1),
		"a later version": strings.Replace(text, `"version": 1`, `"version": 2`, 1),
		"unknown field":   strings.Replace(text, `"root"`, `"extra": 1, "root"`, 1),
		"short id":        strings.ReplaceAll(text, id, id[:8]),
		"id not hex":      strings.ReplaceAll(text, id, "zz"+id[2:]),
		"short secret":    strings.Replace(text, `"secret": "`, `"secret": "AAAA`, 1),
		"no wrapping":     before(text, `"wrapping"`) + `"wrapping": []}`,
		"one twice":       strings.Replace(text, `"wrapping": [`, `"wrapping": [`+text[strings.Index(text, `"wrapping": [`)+13:strings.LastIndex(text, "]")]+",", 1),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ImportKeys([]byte(in))
			wantKind(t, err, fault.Invalid)
			for _, s := range good.file.Wrapping {
				if secret := hex.EncodeToString(s.Secret); err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes a secret: %v", err)
				}
			}
		})
	}
}

func TestRotatedKeysReadWhatTheOldOnesWrote(t *testing.T) {
	s := newSpool(t)
	old := keepOne(t, s, []byte("old"))
	title, err := s.Keys.SealTitle("old title", []byte("row 1"))
	if err != nil {
		t.Fatal(err)
	}
	before := s.Keys
	if s.Keys, err = before.Rotated(someTime); err != nil {
		t.Fatal(err)
	}
	if s.Keys.ID() != before.ID() || s.Keys.wrapID() == before.wrapID() {
		t.Errorf("keys %s/%s became %s/%s", before.ID(), before.wrapID(), s.Keys.ID(), s.Keys.wrapID())
	}
	if got, err := readAll(s, "one", old); err != nil || string(got) != "old" {
		t.Errorf("read %q, %v", got, err)
	}
	if got, err := s.Keys.OpenTitle(title, []byte("row 1")); err != nil || got != "old title" {
		t.Errorf("title %q, %v", got, err)
	}
	if !bytes.Equal(before.CardDigest("one", "04AA"), s.Keys.CardDigest("one", "04AA")) {
		t.Error("the digest of a card has changed")
	}
	// The other way round nothing opens: the new secret is not known there.
	fresh := keepOne(t, s, []byte("new"))
	title, err = s.Keys.SealTitle("new title", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Keys = before
	_, err = readAll(s, "one", fresh)
	wantKind(t, err, fault.Invalid)
	_, err = before.OpenTitle(title, nil)
	wantKind(t, err, fault.Invalid)
}

func TestTitles(t *testing.T) {
	k := newSpool(t).Keys
	seal := func(plain, aad string) []byte {
		b, err := k.SealTitle(plain, []byte(aad))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed := seal("Kündigung", "row 1")
	if bytes.Contains(sealed, []byte("ndigung")) {
		t.Error("the title is in the clear")
	}
	if bytes.Equal(sealed, seal("Kündigung", "row 1")) {
		t.Error("equal titles can be recognised")
	}
	for _, plain := range []string{"Kündigung", "", strings.Repeat("x", 100_000)} {
		if got, err := k.OpenTitle(seal(plain, "row 1"), []byte("row 1")); err != nil || got != plain {
			t.Errorf("%.20q came back as %.20q, %v", plain, got, err)
		}
	}
	_, err := k.OpenTitle(sealed, []byte("row 2"))
	wantKind(t, err, fault.Invalid)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		_, err := k.OpenTitle(bad, []byte("row 1"))
		wantKind(t, err, fault.Invalid)
		_, err = k.OpenTitle(sealed[:i], []byte("row 1"))
		wantKind(t, err, fault.Invalid)
	}
}

// The digests stand in databases: these values must never change.
func TestDigestsStayWhatTheyAre(t *testing.T) {
	s := goldenSpool(t)
	k := s.Keys
	got := map[string][]byte{
		"card":         k.CardDigest("one", "04A1B2C3D4"),
		"card, two":    k.CardDigest("two", "04A1B2C3D4"),
		"pin":          k.PINDigest("one", "246810"),
		"token":        k.TokenDigest("secret"),
		"document key": k.documentDigest("one"),
	}
	want := map[string]string{ // from Python's hmac and RFC 5869, not from this code
		"card":         "b8b1d6818b1b0036987c449985ade5364cf52fff2144ec6f54a5da83bf3b3ab8",
		"card, two":    "d13a72febcc8fa76b5e3c98124b2ae1517326b160b46a9a37eb872a03df3b797",
		"pin":          "fa4fa3f6e2706c2697f9e6ca50636f0c61b63da8e00511a56d50e58a405495ad",
		"token":        "15ba4eb3e3990b7053819628249b437c92b07529464a5dd93ba1d693eb977c24",
		"document key": "0b6310a1145cde91d2b6f9a9d8f353be0471e83691ef27ec43054648774daf2e",
	}
	seen := map[string]string{}
	for name, digest := range got {
		text := hex.EncodeToString(digest)
		if text != want[name] {
			t.Errorf("%s: %s, want %s", name, text, want[name])
		}
		if other, ok := seen[text]; ok {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[text] = name
	}
	// A tenant's name and a value never run into each other, nor one purpose
	// into another.
	if bytes.Equal(k.CardDigest("one", "xA"), k.CardDigest("onex", "A")) || bytes.Equal(k.CardDigest("one", "1"), k.PINDigest("one", "1")) {
		t.Error("different things have one digest")
	}
	one := k.Tenant("one")
	if !bytes.Equal(one.CardDigest("7"), k.CardDigest("one", "7")) || !bytes.Equal(one.PINDigest("7"), k.PINDigest("one", "7")) ||
		!bytes.Equal(one.TokenDigest("7"), k.TokenDigest("7")) {
		t.Error("a tenant's digests are not the tenant's")
	}
}
