package notify

import "time"

// DelegationTo tells a person that another one lets them print that one's documents
// from now on, or no longer.
func DelegationTo(say Translate, language, name, owner string, given bool, at time.Time) Message {
	who := []any{clean(owner), at.Format(stamp)}
	if !given {
		return say.letter(language, name, line{Text: "You may no longer print documents of somebody else"},
			line{Text: "You may no longer print documents of %s, since %s.", Args: who})
	}
	return say.letter(language, name, line{Text: "You may print documents of somebody else"},
		line{Text: "You may print documents of %s, since %s.", Args: who},
		line{Text: "These documents are in your list when you sign in at a device."})
}

// DelegationOf tells a person that somebody, they themselves as we hope, lets another
// one, or all members of a group, print their documents, or no longer.
func DelegationOf(say Translate, language, name, delegate string, group, given bool, at time.Time) Message {
	what := line{Text: "Since %s, your documents may be printed by %s."}
	switch {
	case group && given:
		what.Text = "Since %s, your documents may be printed by all members of %s."
	case group:
		what.Text = "Since %s, your documents may no longer be printed by the members of %s."
	case !given:
		what.Text = "Since %s, your documents may no longer be printed by %s."
	}
	what.Args = []any{at.Format(stamp), clean(delegate)}
	subject := line{Text: "Your documents may be printed by somebody else"}
	if !given {
		subject = line{Text: "Your documents may no longer be printed by somebody else"}
	}
	return say.letter(language, name, subject, what, line{Text: "If this was not you, please tell the help desk at once."})
}
