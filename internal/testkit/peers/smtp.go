package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// python is Debian's, which has its packages; another may come first in PATH.
const python = "/usr/bin/python3"

// SMTP is aiosmtpd, which keeps what it takes in a Maildir.
type SMTP struct {
	*Process
	Host    string
	Port    int
	Version string
	maildir string
}

// SMTPOptions say how a mail server behaves.
type SMTPOptions struct {
	CertFile string `json:"cert"` // PEM; "" speaks no TLS
	KeyFile  string `json:"key"`
	Implicit bool   `json:"implicit"` // TLS from the first octet; otherwise STARTTLS, which is required
	User     string `json:"user"`     // who must sign in; "" nobody
	Password string `json:"password"`
	Without  string `json:"without"` // a mechanism that is not offered, "PLAIN"; "" offers all
	Nobody   string `json:"nobody"`  // the recipient that does not exist
}

// serve runs aiosmtpd with what its command line cannot say. Its first argument
// is a file of SMTPOptions, then come the Maildir and the port.
const serve = `
import json, signal, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult

with open(sys.argv[1]) as f:
    o = json.load(f)

class Handler(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == o["nobody"]:
            return "550 5.1.1 <" + address + "> does not live here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

def authenticate(server, session, envelope, mechanism, data):
    right = data.login == o["user"].encode() and data.password == o["password"].encode()
    return AuthResult(success=right, handled=False)

args = {}
if o["cert"]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(o["cert"], o["key"])
    if o["implicit"]:
        args.update(ssl_context=tls, auth_require_tls=False)
    else:
        args.update(tls_context=tls, require_starttls=True)
else:
    args.update(auth_require_tls=False)
if o["user"]:
    args.update(auth_required=True, authenticator=authenticate)
if o["without"]:
    args.update(auth_exclude_mechanism=[o["without"]])
Controller(Handler(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[3]), enable_SMTPUTF8=True, **args).start()
signal.pause()
`

// StartSMTP runs aiosmtpd on a free port of loopback, its files below dir.
func StartSMTP(ctx context.Context, dir string, o SMTPOptions) (*SMTP, error) {
	version, err := exec.CommandContext(ctx, python, "-m", "aiosmtpd", "--version").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("peers: aiosmtpd: %w: %s (make peers installs it)", err, version)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "smtp.json") // not in argv: it has a password
	if err := os.WriteFile(file, options, 0o600); err != nil {
		return nil, err
	}
	s := &SMTP{Host: "127.0.0.1", Port: port, maildir: filepath.Join(dir, "mail")}
	s.Version = fmt.Sprintf("%s %s (%s)", python, strings.TrimSpace(string(version)), Version("python3-aiosmtpd"))
	if s.Process, err = startProcess(ctx, nil, python, "-c", serve, file, s.maildir, strconv.Itoa(port)); err != nil {
		return nil, err
	}
	if err := s.untilOpen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// Mails returns what has come in.
func (s *SMTP) Mails() ([]*mail.Message, error) {
	files, err := filepath.Glob(filepath.Join(s.maildir, "new", "*"))
	if err != nil {
		return nil, err
	}
	mails := make([]*mail.Message, len(files))
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if mails[i], err = mail.ReadMessage(strings.NewReader(string(b))); err != nil {
			return nil, err
		}
	}
	return mails, nil
}
