package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"platen/fault"
	"platen/job"
	"platen/lpd"
)

// sendCommand is a small LPR client, so that nobody needs another program to
// try the node.
func sendCommand() *command {
	var o sending
	return &command{
		name: "send", args: "FILE…", least: 1, most: 52,
		summary: "print files to an LPD queue",
		more:    "All files become one job. A file - is standard input. The exit status is 0 only when the server has\nacknowledged the job.",
		examples: []string{
			"send --to lpd://127.0.0.1:5515/secure --user anna letter.pdf",
			"send --to lpd://printhost/secure --title \"Invoice 4\" --copies 2 invoice.pdf terms.pdf",
		},
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.to, "to", "", "`lpd://HOST[:PORT]/QUEUE`")
			fs.StringVar(&o.user, "user", "", "print as this `NAME` instead of your own")
			fs.StringVar(&o.title, "title", "", "what the job is called; otherwise the first file's name")
			fs.IntVar(&o.copies, "copies", 1, "print each file this often")
			fs.BoolVar(&o.reserved, "reserved", false, "connect from a port of 721 to 731, as RFC 1179 has it")
		},
		local: o.run,
	}
}

type sending struct {
	to, user, title string
	copies          int
	reserved        bool
}

func (o *sending) run(ctx context.Context, e *env, c *call) error {
	addr, queue, err := lpdURL(o.to)
	if err != nil {
		return err
	}
	if o.copies < 1 || o.copies > 99 {
		return usagef("--copies is a number from 1 to 99")
	}
	docs, done, err := o.documents(e, c.args)
	defer done()
	if err != nil {
		return err
	}
	conn, err := lpd.Dial(ctx, addr, o.reserved)
	if err != nil {
		return &fault.Error{Op: "send", Kind: fault.Unavailable, Text: "%s does not answer.", Args: []any{addr}, Err: err}
	}
	defer conn.Close()
	out := lpd.Outgoing{
		Queue: queue, Number: rand.IntN(1000), Host: hostName(), User: o.userName(), //nolint:gosec // a job number is no secret
		Title: o.title, Documents: docs,
	}
	if out.Title == "" {
		out.Title = docs[0].Name
	}
	sent, err := (&lpd.Client{Final: 30 * time.Minute}).Send(ctx, conn, out)
	if err != nil {
		return refusedBy(addr, queue, sent.Refusal, err)
	}
	if sent.Evidence != job.Acknowledged {
		return &fault.Error{Op: "send", Kind: fault.Unavailable, Text: "All %d octets were handed over, but %s never said that it has the job.", Args: []any{sent.Octets, addr}}
	}
	if c.json {
		return writeJSON(e.out, map[string]any{"to": o.to, "octets": sent.Octets, "documents": len(docs)})
	}
	fmt.Fprintf(e.out, "Sent %s to %s; the server has the job.\n", counted(sent.Octets, "octet", "octets"), o.to)
	return nil
}

// refusedBy says in this command's words what a refusal octet can tell: LPD has
// no more than "no room" and "no".
func refusedBy(addr, queue string, octet byte, err error) error {
	switch octet {
	case 0:
		return err
	case 2:
		return &fault.Error{Op: "send", Kind: fault.Full, Text: "%s has no room for this job now. Try again later, or ask its administrator.", Args: []any{addr}, Err: err}
	}
	return &fault.Error{Op: "send", Kind: fault.Denied, Text: "%s refused the job. Is there a queue %s, and may this computer print to it? Its log says why.", Args: []any{addr, queue}, Err: err}
}

// lpdURL takes an address apart.
func lpdURL(to string) (addr, queue string, err error) {
	if to == "" {
		return "", "", usagef("send needs --to lpd://HOST[:PORT]/QUEUE")
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "lpd" || u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return "", "", usagef("--to is lpd://HOST[:PORT]/QUEUE, not %q", to)
	}
	port := u.Port()
	if port == "" {
		port = "515"
	}
	return net.JoinHostPort(u.Hostname(), port), strings.TrimPrefix(u.Path, "/"), nil
}

// documents opens the files. LPR tells the size first, so what has none, such
// as a pipe, is copied into a temporary file.
func (o *sending) documents(e *env, names []string) (docs []lpd.File, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, name := range names {
		f, err := openDocument(e, name)
		if err != nil {
			return nil, done, err
		}
		files = append(files, f)
		info, err := f.Stat()
		if err != nil {
			return nil, done, err
		}
		if info.Size() == 0 {
			return nil, done, &fault.Error{Op: "send", Kind: fault.Invalid, Text: "%s is empty.", Args: []any{name}}
		}
		docs = append(docs, lpd.File{
			Name: filepath.Base(name), Octets: info.Size(), Copies: o.copies,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, 0, info.Size())), nil },
		})
	}
	return docs, done, nil
}

func openDocument(e *env, name string) (*os.File, error) {
	var from io.Reader = e.in
	if name != "-" {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil, &fault.Error{Op: "send", Kind: fault.NotFound, Text: "There is no file %s.", Args: []any{name}, Err: err}
		}
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, nil
		}
		defer f.Close()
		from = f
	}
	tmp, err := os.CreateTemp("", "platen-send-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(tmp.Name()) // the open file stays; Windows keeps the name until the process ends
	if _, err := io.Copy(tmp, from); err != nil {
		tmp.Close()
		return nil, err
	}
	return tmp, nil
}

func (o *sending) userName() string {
	if o.user != "" {
		return o.user
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// hostName is the name of this machine without its domain, as H of RFC 1179.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	name, _, _ = strings.Cut(name, ".")
	return name
}
