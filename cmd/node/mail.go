package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/notify"
	"platen/pki"
	"platen/store"
	"platen/ui/catalog"
)

// mailValue is the name of the mail server's configuration, and of its password in
// the vault.
const mailValue = "mail"

// mailer returns what sends mail here, NotFound when nobody has set it up.
func mailer(ctx context.Context, scope store.Scope, roots rooted, now func() time.Time, log *slog.Logger) (*notify.Mailer, error) {
	m := &notify.Mailer{Log: log, Now: now, Roots: roots.of(pki.ForMail)}
	ok, err := scope.Value(ctx, mailValue, &m.Config)
	if err == nil && !ok {
		err = &fault.Error{Op: "mail", Kind: fault.NotFound, Text: "No mail server is set up. See platen mail set --help."}
	}
	if err != nil {
		return nil, err
	}
	m.Secret, err = scope.Secret(ctx, mailValue)
	return m, err
}

// say speaks to people in mails in their language.
var say = sync.OnceValue(func() notify.Translate {
	cat, err := catalog.New()
	if err != nil {
		return nil // English
	}
	return func(language, sentence string, args ...any) string {
		return cat.Printer(cat.Match(language)).Text(sentence, args...)
	}
})

// sendTimeout bounds what a mail may take while somebody waits.
const sendTimeout = time.Minute

// post is where messages wait that nobody waits for. What does not leave within its
// time, or does not fit, is not sent, which the log says: none of them is the only
// way to learn something.
type post struct {
	scope store.Scope
	roots rooted
	now   func() time.Time
	log   *slog.Logger
	box   chan letter
}

type letter struct {
	user directory.User
	what string
	make func(language string) notify.Message
	all  func(ctx context.Context) ([]letter, error) // one to each of several; nil: to user
}

func newPost(scope store.Scope, roots rooted, log *slog.Logger) *post {
	return &post{scope: scope, roots: roots, now: failpoint.Now, log: log, box: make(chan letter, 100)}
}

// send takes a message without waiting.
func (p *post) send(l letter) {
	if l.user.Email == "" && l.all == nil {
		return
	}
	select {
	case p.box <- l:
	default:
		p.log.Warn("mail: too many messages wait, one was left out", "what", l.what, "user", l.user.Login)
	}
}

// serve sends messages until ctx ends.
func (p *post) serve(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-p.box:
			p.deliver(ctx, l)
		}
	}
}

func (p *post) deliver(ctx context.Context, l letter) {
	m, err := mailer(ctx, p.scope, p.roots, time.Now, p.log)
	if fault.Is(err, fault.NotFound) {
		return
	}
	list := []letter{l}
	if err == nil && l.all != nil {
		list, err = l.all(ctx)
	}
	if err != nil {
		p.log.Warn("mail: a message was not sent", "what", l.what, "user", l.user.Login, "error", err)
		return
	}
	for _, each := range list {
		p.deliverBy(ctx, m, each)
	}
}

func (p *post) deliverBy(ctx context.Context, m *notify.Mailer, l letter) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	msg := l.make(l.user.Language)
	msg.To = l.user.Email
	if err := m.Send(ctx, msg); err != nil {
		p.log.Warn("mail: a message was not sent", "what", l.what, "user", l.user.Login, "error", err)
	}
}

// cardRegistered tells somebody that a card opens the account from now on: whoever
// did not do that learns of it.
func (p *post) cardRegistered(u directory.User, last, where string) {
	at := time.Now()
	p.send(letter{user: u, what: "card registered", make: func(language string) notify.Message {
		return notify.CardRegistered(say(), language, u.Name(), last, where, at)
	}})
}
