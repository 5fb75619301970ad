package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"platen/internal/testkit/peers"
)

// A directory of a large house: every second person has two cards.
const (
	housePeople = 100_000
	houseCards  = housePeople * 3 / 2
)

// second is the other card of every second person.
func second(i int) string { return fmt.Sprintf("0B%08X", uint32(i)*2654435761) }

// benchPeople imports a house from a file and from OpenLDAP, asks again, and signs
// people in by card among many and among few.
func benchPeople(ctx context.Context, binary, dir string, raw *sink, runs int, v *verdicts) error {
	dir = filepath.Join(dir, "people")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	table := filepath.Join(dir, "house.csv")
	if err := writeHouse(table); err != nil {
		return err
	}
	if err := benchCSV(ctx, binary, dir, table, raw, runs, v); err != nil {
		return err
	}
	if err := benchLDAP(ctx, binary, dir, raw, runs, v); err != nil {
		return err
	}
	return benchCards(ctx, binary, dir, raw, v)
}

func writeHouse(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "login,full_name,email,department,cards")
	for i := range housePeople {
		cards := card(i)
		if i%2 == 1 {
			cards += "|" + second(i)
		}
		fmt.Fprintf(w, "%[1]s,Person %[2]d,%[1]s@example.org,department %[3]d,%[4]s\n", login(i), i, i%50, cards)
	}
	return errors.Join(w.Flush(), f.Close())
}

// benchCSV imports the file, beside sqlite3 that stores the same rows with as many
// indexes in one transaction of its own.
func benchCSV(ctx context.Context, binary, dir, table string, raw *sink, runs int, v *verdicts) error {
	var limit, imports spread
	for i := range max(1, runs/2) {
		d, err := onlySQLite(ctx, filepath.Join(dir, fmt.Sprint("limit", i)))
		if err != nil {
			return err
		}
		limit = append(limit, d.Seconds())
		n, err := startNode(ctx, binary, filepath.Join(dir, fmt.Sprint("csv", i)), raw)
		if err != nil {
			return err
		}
		began := time.Now()
		err = n.command(ctx, nil, "import", "users", table)
		imports = append(imports, time.Since(began).Seconds())
		n.stop()
		if err != nil {
			return err
		}
		settle()
	}
	fmt.Printf("import of %d people with %d cards from CSV: %s s; sqlite3 with the same rows in one transaction: %s s\n", housePeople, houseCards, imports, limit)
	v.most("import of 100,000 people from CSV", imports.median(), 10, 10, " s")
	v.most("the same, times sqlite3 in one transaction", imports.median()/limit.median(), 10, 3, "")
	return nil
}

// onlySQLite is how long SQLite's own shell takes for such rows.
func onlySQLite(ctx context.Context, path string) (time.Duration, error) {
	users, cards := path+".users.csv", path+".cards.csv"
	var u, c strings.Builder
	for i := range housePeople {
		fmt.Fprintf(&u, "0198f000-0000-7000-8000-%012d,%[2]s,Person %[1]d,%[2]s@example.org,department %[3]d\n", i, login(i), i%50)
		fmt.Fprintf(&c, "0198f000-0000-7001-8000-%012d,0198f000-0000-7000-8000-%012[1]d,%08x%024d\n", i, uint32(i)*2246822519, i)
		if i%2 == 1 {
			fmt.Fprintf(&c, "0198f000-0000-7002-8000-%012d,0198f000-0000-7000-8000-%012[1]d,%08x%024d\n", i, uint32(i)*2654435761, i)
		}
	}
	if err := errors.Join(os.WriteFile(users, []byte(u.String()), 0o600), os.WriteFile(cards, []byte(c.String()), 0o600)); err != nil {
		return 0, err
	}
	script := `PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-48000;
CREATE TABLE users (id TEXT PRIMARY KEY, login TEXT UNIQUE, name TEXT, mail TEXT, department TEXT);
CREATE INDEX mail ON users (mail);
CREATE TABLE cards (id TEXT PRIMARY KEY, owner TEXT, digest TEXT UNIQUE);
CREATE INDEX owner ON cards (owner);
BEGIN;
.mode csv
.import ` + users + ` users
.import ` + cards + ` cards
COMMIT;
`
	cmd := exec.CommandContext(ctx, "sqlite3", path)
	cmd.Stdin = strings.NewReader(script)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("sqlite3: %w: %s", err, out)
	}
	return time.Since(began), nil
}

// benchLDAP reads the house from OpenLDAP, beside ldapsearch that writes the same
// entries to a file, and asks once more what has changed: nothing.
func benchLDAP(ctx context.Context, binary, dir string, raw *sink, runs int, v *verdicts) error {
	s, err := peers.StartSlapd(ctx, filepath.Join(dir, "slapd"), peers.SlapdOptions{LDIF: houseLDIF(), SessionLog: 100})
	if err != nil {
		return err
	}
	defer s.Stop()
	fmt.Println(s.Version)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.Certificate.CA, 0o600); err != nil {
		return err
	}
	var search, read, all, none spread
	for i := range max(1, runs/2) {
		d, err := ldapsearch(ctx, s, ca, filepath.Join(dir, "found.ldif"))
		if err != nil {
			return err
		}
		search = append(search, d.Seconds())
		n, err := startNode(ctx, binary, filepath.Join(dir, fmt.Sprint("ldap", i)), raw)
		if err != nil {
			return err
		}
		took, err := n.readHouse(ctx, s, ca, dir)
		n.stop()
		if err != nil {
			return err
		}
		read, all, none = append(read, took[0]), append(all, took[1]), append(none, took[2:]...)
		settle()
	}
	fmt.Printf("LDAP: %d people read and compared in %s s, read and stored in %s s, nothing changed in %s s; ldapsearch to a file %s s\n", housePeople, read, all, none, search)
	v.most("LDAP, 100,000 people read and compared (dry run), times ldapsearch", read.median()/search.median(), 2, 2, "")
	v.most("LDAP import of 100,000 people, times ldapsearch", all.median()/search.median(), 2, 2, "")
	v.most("LDAP, nothing has changed", none.median(), 1, 0.1, " s")
	return nil
}

func houseLDIF() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %[1]s\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: platen\n\ndn: ou=people,%[1]s\nobjectClass: organizationalUnit\nou: people\n\n", peers.SlapdSuffix)
	for i := range housePeople {
		fmt.Fprintf(&b, "dn: uid=%[1]s,ou=people,%[2]s\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: Person %[3]d\nsn: P\nmail: %[1]s@example.org\ndepartmentNumber: department %[4]d\npager: %[5]s\n",
			login(i), peers.SlapdSuffix, i, i%50, card(i))
		if i%2 == 1 {
			fmt.Fprintf(&b, "pager: %s\n", second(i))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// ldapsearch writes what the node reads to a file.
func ldapsearch(ctx context.Context, s *peers.Slapd, ca, path string) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	cmd := exec.CommandContext(ctx, "ldapsearch", "-x", "-H", s.TLSURL(), "-D", peers.SlapdAdmin, "-w", peers.SlapdPassword, "-b", peers.SlapdSuffix, "-LLL", "-o", "ldif-wrap=no",
		"-E", "pr=500/noprompt", "(objectClass=inetOrgPerson)", "uid", "cn", "mail", "departmentNumber", "pager", "entryUUID", "displayName", "preferredLanguage")
	cmd.Env, cmd.Stdout = append(os.Environ(), "LDAPTLS_CACERT="+ca), f
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("ldapsearch: %w", err)
	}
	return time.Since(began), nil
}

// readHouse lets a node read the directory and store nothing, read and store it, and
// then ask three times what has changed.
func (n *node) readHouse(ctx context.Context, s *peers.Slapd, ca, dir string) (took spread, err error) {
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(peers.SlapdPassword), 0o600); err != nil {
		return nil, err
	}
	err = errors.Join(
		n.command(ctx, nil, "source", "add", "house", "--kind", "ldap", "--enabled", "no", "--server", s.TLSURL(), "--base", peers.SlapdSuffix, "--bind-as", peers.SlapdAdmin,
			"--attribute", "cards=pager", "--attribute", "department=departmentNumber", "--password-file", secret),
		n.command(ctx, nil, "source", "trust", "house", ca))
	for i := range 5 {
		if err != nil {
			return nil, err
		}
		args := []string{"source", "sync", "house"}
		if i == 0 {
			args = append(args, "--dry-run")
		}
		began := time.Now()
		err = n.command(ctx, nil, args...)
		took = append(took, time.Since(began).Seconds())
	}
	return took, err
}

// benchCards signs people in by card among a thousand and among a hundred thousand,
// in turn.
func benchCards(ctx context.Context, binary, dir string, raw *sink, v *verdicts) error {
	few, err := crowded(ctx, binary, filepath.Join(dir, "few"), raw, 1000)
	if err != nil {
		return err
	}
	defer few.stop()
	many, err := crowded(ctx, binary, filepath.Join(dir, "many"), raw, housePeople)
	if err != nil {
		return err
	}
	defer many.stop()
	var small, large spread
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 1100 {
		for _, at := range []struct {
			n     *node
			users int
			into  *spread
		}{{few, 1000, &small}, {many, housePeople, &large}} {
			user := rng.IntN(at.users)
			start := time.Now()
			err := at.n.call(ctx, "sessions", map[string]any{"method": "card", "value": card(user)}, &struct{}{})
			if err != nil {
				return err
			}
			if i >= 100 { // caches are warm
				*at.into = append(*at.into, time.Since(start).Seconds()*1e3)
			}
		}
	}
	fmt.Printf("sign-in by card, ms: 1,000 people p50 %.2f p99 %.2f; %d people p50 %.2f p99 %.2f\n\n", small.median(), small.at(0.99), housePeople, large.median(), large.at(0.99))
	v.most("sign-in by card among 100,000 people, p99, times that among 1,000", large.at(0.99)/small.at(0.99), 1.5, 1.5, "")
	return nil
}
