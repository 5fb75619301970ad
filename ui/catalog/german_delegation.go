package catalog

// germanDelegation is what mails say of who may print whose documents.
var germanDelegation = map[string]string{
	"You may print documents of somebody else":                                "Sie dürfen Dokumente von jemand anderem drucken",
	"You may print documents of %s, since %s.":                                "Sie dürfen Dokumente von %s drucken, seit %s.",
	"These documents are in your list when you sign in at a device.":          "Diese Dokumente stehen in Ihrer Liste, wenn Sie sich an einem Gerät anmelden.",
	"You may no longer print documents of somebody else":                      "Sie dürfen Dokumente von jemand anderem nicht mehr drucken",
	"You may no longer print documents of %s, since %s.":                      "Sie dürfen Dokumente von %s nicht mehr drucken, seit %s.",
	"Your documents may be printed by somebody else":                          "Ihre Dokumente darf jemand anderes drucken",
	"Since %s, your documents may be printed by %s.":                          "Seit %s darf %s Ihre Dokumente drucken.",
	"Your documents may no longer be printed by somebody else":                "Ihre Dokumente darf jemand anderes nicht mehr drucken",
	"Since %s, your documents may no longer be printed by %s.":                "Seit %s darf %s Ihre Dokumente nicht mehr drucken.",
	"Since %s, your documents may be printed by all members of %s.":           "Seit %s dürfen alle Mitglieder von %s Ihre Dokumente drucken.",
	"Since %s, your documents may no longer be printed by the members of %s.": "Seit %s dürfen die Mitglieder von %s Ihre Dokumente nicht mehr drucken.",
	"If this was not you, please tell the help desk at once.":                 "Wenn Sie das nicht waren, sagen Sie es bitte sofort dem Helpdesk.",
}
