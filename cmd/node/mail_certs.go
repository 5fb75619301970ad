package main

import (
	"context"
	"strings"

	"platen/directory"
	"platen/notify"
	"platen/pki"
	"platen/store"
)

// certificatesEnd tells the administrators by mail which certificates end. The log has
// been told already.
func (p *post) certificatesEnd(_ context.Context, list []pki.Ending) {
	endings := make([]notify.Ending, len(list))
	for i, e := range list {
		endings[i] = notify.Ending{Name: e.Name, Subject: e.Subject, Use: e.Use, From: e.From, Ends: e.Ends.Local(), Trouble: e.Trouble}
	}
	at := p.now()
	const what = "certificates end"
	p.send(letter{what: what, all: func(ctx context.Context) ([]letter, error) {
		people, err := administrators(ctx, p.scope)
		letters := make([]letter, len(people))
		for i, u := range people {
			letters[i] = letter{user: u, what: what, make: func(language string) notify.Message {
				return notify.CertificatesEnd(say(), language, u.Name(), hostName(), endings, at)
			}}
		}
		if err == nil && len(people) == 0 {
			p.log.Warn("mail: no administrator has an e-mail address, so nobody was told", "what", what)
		}
		return letters, err
	}})
}

// administrators are those who may change everything and have an e-mail address.
func administrators(ctx context.Context, scope store.Scope) ([]directory.User, error) {
	users, err := scope.Users(ctx)
	if err != nil {
		return nil, err
	}
	all, err := scope.AllRights(ctx)
	if err != nil {
		return nil, err
	}
	given := map[string]bool{} // who has something that may make administrators: persons, and what stands for many
	for _, g := range all {
		if g.Right == directory.Administer || strings.HasPrefix(string(g.Right), directory.RolePrefix) {
			given[g.Holder] = true
		}
	}
	persons := map[string]bool{}
	for _, u := range users {
		persons[u.ID] = true
	}
	many := false // of a large house, only then does each person need a look
	for holder := range given {
		many = many || !persons[holder]
	}
	var list []directory.User
	for _, u := range users {
		if u.Email == "" || !u.Enabled {
			continue
		}
		if many || given[u.ID] {
			if u.Grants, err = scope.Grants(ctx, u); err != nil {
				return nil, err
			}
		}
		if u.May(directory.Administer) {
			list = append(list, u)
		}
	}
	return list, nil
}
