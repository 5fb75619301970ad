package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

const passphrase = "correct horse battery"

// copyDocs copies the documents of one node to the place of another, as an
// administrator would after a disk has died.
func copyDocs(t *testing.T, from, to string) {
	t.Helper()
	dest := filepath.Join(to, "spool")
	if err := os.MkdirAll(dest, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(inTime(t), "cp", "-a", filepath.Join(from, "spool", "docs"), filepath.Join(from, "spool", "log"), dest).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func epochs(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.CommandContext(inTime(t), "sqlite3", "-readonly", filepath.Join(dir, "platen.db"), "SELECT epoch FROM epochs").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// F31 and A66: a backup of a running node, made before the last jobs came, is
// restored on another machine; the documents that survived become held jobs
// again, and numbers of the ledger are not given twice.
func TestF31BackupAndRestore(t *testing.T) {
	h := startDemo(t, "")
	send := func(n int) string {
		path, sum := document(t, n)
		h.must("send", "--to", h.demo.Secure, "--user", "anna", "--title", "before and after", path)
		return sum
	}
	printed := send(1000)
	h.release(annasCard)
	h.awaitPrinted(printed)
	h.awaitState(1, "completed")
	before := send(2000)
	file := filepath.Join(t.TempDir(), "platen.age")
	if a := platen("short\n", "backup", file, "--dir", h.dir); a.code != exitUsage {
		t.Errorf("a short passphrase: %d %s", a.code, a.err)
	}
	if _, err := os.Stat(file + ".part"); err == nil {
		t.Error("a refused backup leaves a file")
	}
	must(t, h.dir, passphrase+"\n", "backup", file)
	if a := platen(passphrase+"\n", "backup", file, "--dir", h.dir); a.code != exitConflict {
		t.Errorf("a second backup to the same name: %d %s", a.code, a.err)
	}
	after := send(3000)
	h.end()
	old := epochs(t, h.dir)

	dir := filepath.Join(t.TempDir(), "restored")
	if a := platen("wrong horse\n", "restore", file, "--dir", dir); a.code != exitFailed || !strings.Contains(a.err, "The passphrase is not the one of this backup.") {
		t.Errorf("a wrong passphrase: %d %s", a.code, a.err)
	}
	copyDocs(t, h.dir, dir)
	must(t, dir, passphrase+"\n", "restore", file)
	if a := platen(passphrase+"\n", "restore", file, "--dir", dir); a.code != exitConflict || !strings.Contains(a.err, "is not empty") {
		t.Errorf("restored over a node: %d %s", a.code, a.err)
	}
	if now := epochs(t, dir); now == old {
		t.Errorf("the epoch is still %s", now)
	}

	h = startDemo(t, dir)
	states := map[int64]string{}
	for _, j := range h.jobs() {
		if j.State == "pending-held" {
			states[j.Octets] = j.Owner
		}
	}
	if len(states) != 2 || states[2000] != "anna" || states[3000] != "anna" {
		t.Fatalf("held jobs after the restore: %v\n%s", h.jobs(), h.log)
	}
	h.release(annasCard)
	h.awaitPrinted(before)
	h.awaitPrinted(after)
	wants(t, dir, exitDone, "lines follow from one another", "audit", "verify")
	h.end()
}

// With --documents everything is in the one file.
func TestBackupWithDocuments(t *testing.T) {
	h := startDemo(t, "")
	path, sum := document(t, 200_000)
	h.must("send", "--to", h.demo.Secure, "--user", "ben", path)
	h.end()
	file := filepath.Join(t.TempDir(), "platen.age")
	must(t, h.dir, passphrase, "backup", file, "--documents")

	dir := filepath.Join(t.TempDir(), "restored")
	var m manifest
	if err := json.Unmarshal([]byte(must(t, dir, passphrase, "restore", file, "--json")), &m); err != nil || !m.Documents || m.Format != archiveFormat {
		t.Errorf("manifest: %+v, %v", m, err)
	}
	h = startDemo(t, dir)
	h.release(bensCard)
	h.awaitPrinted(sum)
	h.end()
}

// A66: nothing in a backup can be read without the passphrase.
func TestA66BackupIsEncrypted(t *testing.T) {
	dir := newNode(t)
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"backup", "-", "--dir", dir}, strings.NewReader(passphrase), &out, &errs)
	if code != exitDone {
		t.Fatalf("backup: %d %s", code, &errs)
	}
	keys, err := os.ReadFile(filepath.Join(dir, "platen.keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"PRIVATE KEY", "SQLite format", "anna", "manifest.json", string(keys[len(keys)-20:])} {
		if bytes.Contains(out.Bytes(), []byte(secret)) {
			t.Errorf("the backup shows %q", secret)
		}
	}
	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte { c := bytes.Clone(b); c[len(c)-100] ^= 1; return c },
		"empty":   func([]byte) []byte { return nil },
		"another": func([]byte) []byte { return []byte("PK\x03\x04 this is no backup") },
	} {
		to := filepath.Join(t.TempDir(), "node")
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, damage(out.Bytes()), 0o600); err != nil {
			t.Fatal(err)
		}
		a := platen(passphrase, "restore", path, "--dir", to)
		if a.code != exitFailed || a.err == "" {
			t.Errorf("%s: %d %s", name, a.code, a.err)
		}
		if _, err := os.Stat(filepath.Join(to, "platen.db")); err == nil {
			t.Errorf("%s: there is a node now", name)
		}
	}
}

// An archive that somebody else has made cannot write where it likes.
func TestA01RestoreWritesOnlyWhatABackupHas(t *testing.T) {
	for _, name := range []string{"../evil", "spool/docs/../../evil", "/etc/evil", "pki/authority.pem", "spool/log/sub/evil", "spool/docs/..", "spool/docs", "other"} {
		var b bytes.Buffer
		to, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			t.Fatal(err)
		}
		to.SetWorkFactor(10)
		w, err := age.Encrypt(&b, to)
		if err != nil {
			t.Fatal(err)
		}
		ar := newArchive(w)
		if err := ar.octets(manifestName, []byte(`{"format":1}`)); err != nil {
			t.Fatal(err)
		}
		if err := ar.octets(name, []byte("evil")); err != nil {
			t.Fatal(err)
		}
		if err := ar.tar.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		a := platen("", "restore", writeFile(t, b.Bytes()), "--dir", filepath.Join(dir, "node"), "--password-file", write(t, passphrase))
		if a.code != exitFailed || !strings.Contains(a.err, "an entry that no backup of Platen has") {
			t.Errorf("%s: %d %s", name, a.code, a.err)
		}
		if list, _ := filepath.Glob(filepath.Join(dir, "*evil*")); len(list) > 0 {
			t.Errorf("%s: wrote %v", name, list)
		}
	}
}

func writeFile(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func FuzzReadBackup(f *testing.F) {
	f.Add([]byte("age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 10\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, _, err := readBackup(bytes.NewReader(b), passphrase)
		if err == nil {
			for {
				if _, err := tr.Next(); err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, tr)
			}
		}
	})
}
