package main

import (
	"context"
	"time"

	"platen/directory"
	"platen/notify"
)

// agreed tells both sides that the owner of documents lets others print them, or does
// no longer. Of a group nobody is told but the owner: its members are many, and change.
func (p *post) agreed(d directory.Delegation, given bool) {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	at := time.Now()
	owner, err := p.scope.User(ctx, d.Owner)
	if err == nil {
		p.send(letter{user: owner, what: "delegation", make: func(language string) notify.Message {
			return notify.DelegationOf(say(), language, owner.Name(), d.DelegateName, d.ToGroup, given, at)
		}})
	}
	if err == nil && !d.ToGroup {
		var to directory.User
		if to, err = p.scope.User(ctx, d.Delegate); err == nil {
			p.send(letter{user: to, what: "delegation", make: func(language string) notify.Message {
				return notify.DelegationTo(say(), language, to.Name(), owner.Name(), given, at)
			}})
		}
	}
	if err != nil {
		p.log.Warn("mail: nobody was told of a delegation", "error", err)
	}
}
