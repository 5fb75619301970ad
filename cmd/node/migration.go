package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/directory/foreign"
	"platen/fault"
	"platen/site"
	"platen/store"
)

// migration is one import from another product: first a plan of all that would
// change, then the change.
type migration struct {
	a        *admin
	source   string
	rule     cardrule.Rule
	currency string
	digits   int // of the currency, behind the mark

	known    map[string]directory.User // by login
	names    map[string]string         // login of whoever has a name; several: severalOwners
	owners   map[string]string         // login of whoever has a card, by digest
	ids      map[string]string         // login by id
	pins     map[string]string         // login of whoever gets a PIN, by digest
	people   []planned
	balances map[string]int64 // minor units, by login
	queues   []site.Queue
	report   foreignReport
}

// planned is a person to store, with a PIN that is not hashed yet.
type planned struct {
	store.Person
	pin string
	at  foreign.Said
}

const severalOwners = "\x00"

// plan compares what was read with what is here.
func (m *migration) plan(ctx context.Context, b foreign.Batch) error {
	if err := m.look(ctx, b); err != nil {
		return err
	}
	for i := range b.Users {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.person(ctx, &b.Users[i]); err != nil {
			return err
		}
	}
	if n := m.withoutCurrency(b); n > 0 {
		m.report.note(foreign.Said{File: m.report.Product}, "%s not taken: say the currency with --currency", counted(n, "balance is", "balances are"))
	}
	for _, q := range b.Queues {
		if err := m.queue(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) withoutCurrency(b foreign.Batch) (n int) {
	for i := range b.Users {
		if b.Users[i].Balance != nil && m.currency == "" {
			n++
		}
	}
	return n
}

// look reads what is here: people, their names and cards.
func (m *migration) look(ctx context.Context, b foreign.Batch) error {
	users, err := m.a.scope.Users(ctx)
	if err != nil {
		return err
	}
	m.known, m.names, m.ids = map[string]directory.User{}, map[string]string{}, map[string]string{}
	m.owners, m.pins, m.balances = map[string]string{}, map[string]string{}, map[string]int64{}
	for _, u := range users {
		m.known[u.Login], m.ids[u.ID] = u, u.Login
		for _, name := range append([]string{u.Login, u.Email, u.UPN}, u.Aliases...) {
			m.owns(u.Login, name)
		}
	}
	for i := range b.Users {
		u := &b.Users[i]
		if _, ok := m.known[u.Login]; !ok && u.Whole && m.names[u.Login] == "" {
			m.owns(u.Login, u.Login)
			m.owns(u.Login, u.Email)
		}
	}
	cards, err := m.a.scope.Cards(ctx, "")
	for _, k := range cards {
		m.owners[string(k.Digest)] = m.ids[k.User]
	}
	return err
}

// owns notes that a name means somebody.
func (m *migration) owns(login, name string) {
	switch before := m.names[name]; {
	case name == "" || before == login:
	case before == "":
		m.names[name] = login
	default:
		m.names[name] = severalOwners
	}
}

// person plans one person.
func (m *migration) person(ctx context.Context, u *foreign.User) error {
	before, known := m.known[u.Login]
	if !known && !u.Whole {
		m.report.note(u.Said, "there is no user %s, and nothing here describes one", u.Login)
		return nil
	}
	if owner := m.names[u.Login]; !known && owner != u.Login {
		m.report.note(u.Said, "%s is not taken: somebody else here has this for another name", u.Login)
		return nil
	}
	p := planned{at: u.Said}
	p.User = before
	if !known {
		p.User = directory.User{Login: u.Login, Enabled: true, Rights: []directory.Right{directory.Release}, Created: m.a.now().UTC(), Source: m.source}
	}
	changed := m.describe(&p.User, u)
	added := m.aliases(&p.User, u)
	m.cards(&p, u)
	if err := m.pin(ctx, &p, u); err != nil {
		return err
	}
	switch {
	case !known:
		m.report.People.New++
	case changed:
		m.report.People.Changed++
	default:
		m.report.People.Unchanged++
	}
	if !known || changed || added || len(p.Cards) > 0 || p.pin != "" {
		m.people = append(m.people, p)
	}
	return m.balance(ctx, before.ID, u)
}

// describe writes what was read over a person from the same source, and fills
// what is empty of anybody else.
func (m *migration) describe(to *directory.User, u *foreign.User) (changed bool) {
	ours := to.Source == m.source
	for _, f := range []struct {
		field *string
		value string
	}{{&to.FullName, u.FullName}, {&to.Email, u.Email}, {&to.Department, u.Department}} {
		if f.value != "" && f.value != *f.field && (ours || *f.field == "") {
			*f.field, changed = f.value, true
		}
	}
	switch {
	case !u.Locked || !to.Enabled:
	case ours:
		to.Enabled, changed = false, true
	default:
		m.report.note(u.Said, "%s is locked there and may print here", u.Login)
	}
	return changed
}

// aliases adds the names that nobody else has.
func (m *migration) aliases(to *directory.User, u *foreign.User) (added bool) {
	to.Aliases = slices.Clone(to.Aliases)
	for _, name := range u.Aliases {
		switch owner := m.names[name]; {
		case slices.Contains(to.Aliases, name):
			m.report.Aliases.Unchanged++
		case owner == u.Login: // the e-mail address, say
		case owner != "":
			m.report.note(u.Said, "the alias %s of %s is not taken: somebody else has that name", name, u.Login)
		default:
			m.owns(u.Login, name)
			to.Aliases, added = append(to.Aliases, name), true
			m.report.Aliases.New++
		}
	}
	return added
}

func (m *migration) cards(p *planned, u *foreign.User) {
	for _, card := range u.Cards {
		k, why := m.card(p.User.ID, card.Number)
		owner, taken := m.owners[string(k.Digest)]
		switch {
		case why != "":
			m.report.note(card.Said, "a card of %s is not taken: %s", u.Login, why)
		case taken && owner == u.Login:
			m.report.Cards.Unchanged++
		case taken:
			m.report.note(card.Said, "the card …%s of %s is not taken: it belongs to %s", k.Last, u.Login, owner)
		default:
			m.owners[string(k.Digest)] = u.Login
			p.Cards = append(p.Cards, k)
			m.report.Cards.New++
		}
	}
}

// card makes a card of a number in a file, or says why it cannot be one.
func (m *migration) card(user, number string) (directory.Card, string) {
	number, err := m.rule.Apply(number)
	if err != nil {
		return directory.Card{}, fault.Text(err)
	}
	k, err := m.a.newCard(user, number, "")
	if err != nil {
		return directory.Card{}, fault.Text(err)
	}
	if normal, err := directory.NormalCard(number); err == nil && directory.RandomUID(normal) {
		return directory.Card{}, "it makes up its number anew each time it is shown"
	}
	return k, ""
}

// pin takes a PIN that is good enough and nobody else's, for somebody who has
// none. Hashing waits until it is stored.
func (m *migration) pin(ctx context.Context, p *planned, u *foreign.User) error {
	if u.PIN == "" {
		return nil
	}
	digest := m.a.keys.Tenant(m.a.scope.Tenant()).PINDigest(u.PIN)
	if p.User.HasPIN {
		s, err := m.a.scope.Secrets(ctx, p.User.ID)
		if err != nil {
			return err
		}
		if bytes.Equal(s.PINDigest, digest) {
			m.report.PINs.Unchanged++
		} else {
			m.report.note(u.PINSaid, "%s has another PIN here and keeps it", u.Login)
		}
		return nil
	}
	if err := directory.CheckPIN(u.PIN); err != nil {
		m.report.note(u.PINSaid, "the PIN of %s is not taken: %s", u.Login, fault.Text(err))
		return nil
	}
	err := m.a.pinIsFree(ctx, p.User.ID, digest)
	if _, taken := m.pins[string(digest)]; taken || fault.Is(err, fault.Conflict) {
		m.report.note(u.PINSaid, "the PIN of %s is not taken: somebody else has it", u.Login)
		return nil
	}
	m.pins[string(digest)], p.pin = u.Login, u.PIN
	m.report.PINs.New++
	return err
}

func (m *migration) balance(ctx context.Context, id string, u *foreign.User) error {
	if u.Balance == nil || m.currency == "" {
		return nil
	}
	n, ok := u.Balance.Minor(m.digits)
	if !ok {
		m.report.note(u.Said, "the balance of %s is not taken: %s has %s behind the mark", u.Login, m.currency, counted(m.digits, "digit", "digits"))
		return nil
	}
	var had []directory.Balance
	if id != "" {
		var err error
		if had, err = m.a.scope.Balances(ctx, id); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(had, func(b directory.Balance) bool { return b.Account == "" })
	switch {
	case i < 0:
		m.report.Balances.New++
	case had[i].Amount == n && had[i].Currency == m.currency && had[i].Origin == m.report.Product:
		m.report.Balances.Unchanged++
		return nil
	default:
		m.report.Balances.Changed++
	}
	m.balances[u.Login] = n
	return nil
}

// queue plans a queue that holds jobs, unless there is one of that name.
func (m *migration) queue(ctx context.Context, q foreign.Queue) error {
	if err := checkName(q.Name); err != nil {
		m.report.note(q.Said, "the queue is not taken: %s", explain(err))
		return nil
	}
	_, err := m.a.scope.QueueByName(ctx, q.Name)
	switch {
	case err == nil:
		m.report.Queues.Unchanged++
		return nil
	case !fault.Is(err, fault.NotFound):
		return err
	}
	x := newQueue(q.Name)
	x.Info, x.IPP.Location = q.Comment, q.Location
	m.queues = append(m.queues, x)
	m.report.Queues.New++
	return nil
}

// apply stores the plan: all people with their cards or none, then all balances
// or none, then queue by queue. What a failure leaves undone, the next import
// does.
func (m *migration) apply(ctx context.Context, c *call) error {
	people, err := m.hashed(ctx, c)
	if err != nil {
		return err
	}
	stored := &progress{c: c, what: "stored", of: len(people)}
	_, _, err = m.a.scope.ImportUsers(ctx, people, stored.at)
	var refused *store.ImportError
	if errors.As(err, &refused) {
		return m.refused(c, refused)
	}
	if err != nil {
		return err
	}
	if err := m.putBalances(ctx); err != nil {
		return err
	}
	detail := fmt.Sprintf("people: %s; cards: %s; balances: %s", m.report.People.text(), m.report.Cards.text(), m.report.Balances.text())
	if err := m.a.audit(ctx, "user.import", m.source, detail); err != nil {
		return err
	}
	if err := m.keepDefaultQueue(ctx); err != nil {
		return err
	}
	for _, q := range m.queues {
		if err := m.a.scope.PutQueue(ctx, q); err != nil {
			return err
		}
		m.a.queuesChanged()
		if err := m.a.audit(ctx, "queue.add", q.Name, m.source); err != nil {
			return err
		}
	}
	return nil
}

// keepDefaultQueue makes sure that the queue of clients which name none stays the one
// that it is: it would be another as soon as a queue comes before it by name.
func (m *migration) keepDefaultQueue(ctx context.Context) error {
	s, err := m.a.scope.Settings(ctx)
	if err != nil || s.DefaultQueue != "" || len(m.queues) == 0 {
		return err
	}
	queues, err := m.a.scope.Queues(ctx)
	if err != nil {
		return err
	}
	q, ok := site.DefaultQueue(queues, s)
	if !ok {
		return nil
	}
	s.DefaultQueue = q.ID
	return m.a.scope.PutSettings(ctx, s)
}

// hashed returns the people with their new PINs hashed, which is slow on
// purpose.
func (m *migration) hashed(ctx context.Context, c *call) ([]store.Person, error) {
	prepared := &progress{c: c, what: "prepared", of: len(m.people)}
	people := make([]store.Person, len(m.people))
	for i, p := range m.people {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.pin != "" {
			var s directory.Secrets
			if p.User.ID != "" {
				var err error
				if s, err = m.a.scope.Secrets(ctx, p.User.ID); err != nil {
					return nil, err
				}
			}
			if err := m.a.putPIN(&s, p.pin); err != nil {
				return nil, err
			}
			p.Secrets = &s
		}
		people[i] = p.Person
		prepared.at(i + 1)
	}
	return people, nil
}

// refused tells whom the store refused: somebody was faster.
func (m *migration) refused(c *call, e *store.ImportError) error {
	for _, l := range e.Lines {
		fmt.Fprintln(c.err, plain(m.people[l.Index].at.Note("%s", fault.Text(l.Err)).String()))
	}
	return &fault.Error{Op: "import", Kind: fault.Conflict, Text: "Nothing was changed: %s wrong.", Args: []any{counted(len(e.Lines), "line is", "lines are")}}
}

func (m *migration) putBalances(ctx context.Context) error {
	if len(m.balances) == 0 {
		return nil
	}
	users, err := m.a.scope.Users(ctx)
	if err != nil {
		return err
	}
	var list []directory.Balance
	for _, u := range users {
		if n, ok := m.balances[u.Login]; ok {
			list = append(list, directory.Balance{User: u.ID, Amount: n, Currency: m.currency, Origin: m.report.Product})
		}
	}
	return m.a.scope.PutBalances(ctx, list)
}
