package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"platen/config"
	"platen/directory"
	"platen/directory/csvfile"
	"platen/directory/entra"
	"platen/directory/ldap"
	"platen/fault"
)

// dirConfig is the file of platen sync-directory. What is not absolute in it is
// beside the file.
type dirConfig struct {
	Node        string          `toml:"node"`         // https://HOST[:PORT]
	CA          string          `toml:"ca"`           // file, PEM; "": the authorities that the system trusts
	TokenFile   string          `toml:"token_file"`   // of platen source token
	SecretFile  string          `toml:"secret_file"`  // with the password, client secret or key for the directory
	DirectoryCA string          `toml:"directory_ca"` // file, PEM: the authority of the LDAP servers
	Every       config.Duration `toml:"every"`
	Log         config.Log      `toml:"log"`

	// One of these, with the keys that platen source show --json shows.
	LDAP  map[string]any `toml:"ldap"`
	Entra map[string]any `toml:"entra"`
	CSV   map[string]any `toml:"csv"`

	name string
	text []byte
}

// Limits of the file and of what it names.
const (
	maxDirConfig  = 1 << 20
	leastEvery    = 10 * time.Second
	mostEvery     = 24 * time.Hour
	maxSecretFile = 64 << 10 // a private key is a secret, too
)

// wrong is what is wrong with the file; line 0 is nowhere in it.
func (d *dirConfig) wrong(line int, format string, args ...any) error {
	at := d.name
	if line > 0 {
		at = fmt.Sprintf("%s:%d", d.name, line)
	}
	return &fault.Error{Op: "syncdir.config", Kind: fault.Invalid, Text: "The configuration is not valid.\n%s", Args: []any{at + ": " + fmt.Sprintf(format, args...)}}
}

// loadDirConfig reads the file and checks what can be checked without asking
// anybody.
func loadDirConfig(path string) (*dirConfig, error) {
	text, err := readSmall(path, maxDirConfig)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &fault.Error{Op: "syncdir.config", Kind: fault.NotFound, Text: "There is no configuration file %s.", Args: []any{path}, Err: err}
	}
	if err != nil {
		return nil, &fault.Error{Op: "syncdir.config", Kind: fault.Invalid, Text: "The configuration file %s cannot be read.", Args: []any{path}, Err: err}
	}
	d := &dirConfig{Every: config.Duration{Duration: directory.DefaultEvery}, Log: config.Default().Log, name: path, text: text}
	if err := d.decode(); err != nil {
		return nil, err
	}
	for _, p := range []*string{&d.CA, &d.TokenFile, &d.SecretFile, &d.DirectoryCA} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	return d, d.check()
}

func (d *dirConfig) decode() error {
	err := toml.NewDecoder(bytes.NewReader(d.text)).DisallowUnknownFields().Decode(d)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		line, _ := unknown.Errors[0].Position()
		return d.wrong(line, "unknown key %s", strings.Join(unknown.Errors[0].Key(), "."))
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return d.wrong(line, "%s: %s", strings.Join(wrong.Key(), "."), strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	if err != nil {
		return d.wrong(0, "%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	return nil
}

func (d *dirConfig) check() error {
	u, err := url.Parse(d.Node)
	tables := 0
	for _, t := range []map[string]any{d.LDAP, d.Entra, d.CSV} {
		if t != nil {
			tables++
		}
	}
	checked := config.Default()
	checked.Log = d.Log
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return d.wrong(d.line("node"), "node is the address of the node's pages, https://HOST or https://HOST:PORT")
	case d.TokenFile == "":
		return d.wrong(d.line("token_file"), "token_file is missing; make the token on the node: platen source token NAME")
	case d.Every.Duration < leastEvery || d.Every.Duration > mostEvery:
		return d.wrong(d.line("every"), "every is from 10s to 24h")
	case tables != 1:
		return d.wrong(0, "there must be one of the tables [ldap], [entra] and [csv], and %d are there", tables)
	case d.DirectoryCA != "" && d.LDAP == nil:
		return d.wrong(d.line("directory_ca"), "directory_ca is for [ldap]")
	}
	if err := checked.Check(); err != nil {
		return err
	}
	_, _, err = d.source("", slog.New(slog.DiscardHandler))
	return err
}

// line is where a key stands, 0 nowhere: the first one of this name.
func (d *dirConfig) line(key string) int {
	at := regexp.MustCompile(`(?m)^[ \t]*(\w+\.)*"?` + regexp.QuoteMeta(key) + `"?[ \t]*=`).FindIndex(d.text)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(d.text[:at[0]], []byte("\n"))
}

// source makes the directory to read, and a mark that is another one as soon as
// something else is read.
func (d *dirConfig) source(secret string, log *slog.Logger) (src directory.Source, mark []byte, err error) {
	var conf any
	switch {
	case d.LDAP != nil:
		x := &ldap.Source{Secret: secret, Log: log, Now: time.Now}
		if err := d.table("ldap", d.LDAP, &x.Config); err != nil {
			return nil, nil, err
		}
		if d.DirectoryCA != "" {
			pem, err := readSmall(d.DirectoryCA, maxPEM)
			if err != nil {
				return nil, nil, d.unreadable("directory_ca", d.DirectoryCA, err)
			}
			x.Config.CAPEM = string(pem)
		}
		src, conf, err = x, x.Config, x.Config.Check()
	case d.Entra != nil:
		x := &entra.Source{Secret: secret, Log: log, Now: time.Now}
		if err := d.table("entra", d.Entra, &x.Config); err != nil {
			return nil, nil, err
		}
		src, conf, err = x, x.Config, x.Config.Check()
	default:
		x := &csvfile.Source{}
		if err := d.table("csv", d.CSV, &x.Config); err != nil {
			return nil, nil, err
		}
		src, conf, err = x, x.Config, x.Config.Check()
	}
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(conf)
	sum := sha256.Sum256(fmt.Appendf(text, "%T", conf))
	return src, sum[:8], err
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// table brings a table of the file into the form in which a node keeps it.
func (d *dirConfig) table(name string, table map[string]any, into any) error {
	text, err := json.Marshal(table)
	if err != nil {
		return d.wrong(0, "[%s]: %s", name, err)
	}
	j := json.NewDecoder(bytes.NewReader(text))
	j.DisallowUnknownFields()
	err = j.Decode(into)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		return d.wrong(d.line(kind.Field[strings.LastIndexByte(kind.Field, '.')+1:]), "%s.%s is to be %s, and %s stands there", name, kind.Field, wantedKind(kind.Type), standsThere(kind.Value))
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		return d.wrong(d.line(m[1]), "unknown key %s in [%s]", m[1], name)
	}
	return d.wrong(0, "[%s]: %s", name, err)
}

// wantedKind says how a value is written in the file.
func wantedKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return `a list of texts, such as ["one", "two"]`
	case reflect.String:
		return `a text, such as "one"`
	case reflect.Bool:
		return "true or false"
	case reflect.Map, reflect.Struct:
		return "a table"
	}
	return "a number"
}

// standsThere names a kind of JSON as the file has it.
func standsThere(kind string) string {
	kind, _, _ = strings.Cut(kind, " ") // "number 1.5"
	switch kind {
	case "string":
		return "a text"
	case "array":
		return "a list"
	case "object":
		return "a table"
	case "bool":
		return "true or false"
	}
	return "a " + kind
}

func (d *dirConfig) unreadable(key, path string, err error) error {
	return &fault.Error{Op: "syncdir.config", Kind: fault.Invalid, Text: "The file %s, which %s names, cannot be read. Is it there, and may this user read it?", Args: []any{path, key}, Err: err}
}

// secret reads a file that nobody else may read; "" when none is named.
func (d *dirConfig) secret(key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", d.unreadable(key, path, err)
	}
	// Of a group only reading: a service's files may be root's and its group's.
	// Windows has other rights, and Go shows none of them here.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o027 != 0 {
		return "", &fault.Error{Op: "syncdir.secret", Kind: fault.Denied, Text: "Others may read or change %s, which holds a secret. Take that away, and think about a new secret: chmod 600 %s", Args: []any{path, path}}
	}
	text, err := readSmall(path, maxSecretFile)
	if err != nil {
		return "", d.unreadable(key, path, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", &fault.Error{Op: "syncdir.secret", Kind: fault.Invalid, Text: "The file %s, which %s names, is empty.", Args: []any{path, key}}
	}
	return secret, nil
}

// token reads the token of the node. It is read each time, so that a new one counts
// at once.
func (d *dirConfig) token() (string, error) {
	text, err := d.secret("token_file", d.TokenFile)
	if err == nil && strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", &fault.Error{Op: "syncdir.token", Kind: fault.Invalid, Text: "The file %s is to hold the token and nothing else, on one line.", Args: []any{d.TokenFile}}
	}
	return text, err
}

// readSmall reads a regular file of at most so many octets.
func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s: no file of at most %d octets", path, most)
	}
	return os.ReadFile(path)
}
