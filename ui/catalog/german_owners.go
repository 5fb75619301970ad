package catalog

// germanOwners is what the rules say that name the owner of a job, and what
// people are asked where no rule could.
var germanOwners = map[string]string{
	// Pages.
	"There is more that may be yours.": "Es gibt noch mehr, das Ihnen gehören könnte.",
	"Is one of these yours?":           "Gehört Ihnen eines davon?",
	"Is this document yours?":          "Gehört dieses Dokument Ihnen?",
	"This is mine":                     "Gehört mir",
	"Yes, it is mine":                  "Ja, es gehört mir",
	"Printed by %s":                    "Gedruckt von %s",
	"somebody without a name":          "jemandem ohne Namen",
	"Nothing of that kind is waiting.": "Es wartet nichts dergleichen.",
	"Nobody is known as the owner of these documents. Their titles are shown to whoever they belong to.": "Von diesen Dokumenten ist kein Besitzer bekannt. Ihren Titel sieht, wem sie gehören.",
	"Please say so only if you have printed it. That you did is recorded, with your name.":               "Bitte sagen Sie das nur, wenn Sie es gedruckt haben. Es wird mit Ihrem Namen festgehalten.",
	"From now on, what is printed by %s is mine.":                                                        "Was %s druckt, gehört von jetzt an mir.",
	"It is yours now, and stands in your list.":                                                          "Es gehört jetzt Ihnen und steht in Ihrer Liste.",
	"It is yours now. What comes under this name from now on is yours as well.":                          "Es gehört jetzt Ihnen. Was von nun an unter diesem Namen kommt, gehört Ihnen auch.",
	"It came from a computer that you have printed from.":                                                "Es kam von einem Computer, von dem Sie schon gedruckt haben.",
	"Its name is like yours.":                           "Der Name ähnelt Ihrem.",
	"Its name is one of yours.":                         "Der Name ist einer von Ihren.",
	"Its name is one of yours, but others have it too.": "Der Name ist einer von Ihren, aber auch andere haben ihn.",
	"Some letters of this name only look like those of yours. Please be sure before you claim it.":       "Einige Buchstaben dieses Namens sehen nur so aus wie Ihre. Bitte seien Sie sicher, bevor Sie ihn beanspruchen.",
	"Somebody was faster: this document has an owner now, or it is gone.":                                "Jemand war schneller: Dieses Dokument hat jetzt einen Besitzer, oder es ist nicht mehr da.",
	"That was as much as one person may claim in an hour. Please wait %d minutes, or ask the help desk.": "Mehr kann eine Person in einer Stunde nicht beanspruchen. Bitte warten Sie %d Minuten, oder wenden Sie sich an den Helpdesk.",

	// History.
	"Said that it is theirs. It had come from %s and claimed %s.": "Hat gesagt, dass es ihm oder ihr gehört. Es war von %s gekommen, unter dem Namen %s.",

	// Rules.
	"The certificate of the client proves that it is %s.":                                                          "Das Zertifikat des Clients beweist, dass es %s ist.",
	"Somebody else is called %s.":                                                                                  "Jemand anderes heißt %s.",
	"There is no step %q in owner rules.":                                                                          "Es gibt keinen Schritt %q in Besitzerregeln.",
	"The step %s takes no pattern.":                                                                                "Der Schritt %s nimmt kein Muster.",
	"The step %s needs a pattern.":                                                                                 "Der Schritt %s braucht ein Muster.",
	"A pattern has 1 to %d characters.":                                                                            "Ein Muster hat 1 bis %d Zeichen.",
	"The pattern %s is no regular expression: %s.":                                                                 "Das Muster %s ist kein regulärer Ausdruck: %s.",
	"The step %s is proof, so it goes before what is only claimed.":                                                "Der Schritt %s ist ein Beweis und steht deshalb vor dem, was nur behauptet wird.",
	"There are too many owner rules: at most %d steps, %d computers and %d domains.":                               "Es sind zu viele Besitzerregeln: höchstens %d Schritte, %d Computer und %d Domänen.",
	"Whose computer is %s? The login is missing.":                                                                  "Wem gehört der Computer %s? Der Benutzername fehlt.",
	"Which domains are taken off? The list is empty.":                                                              "Welche Domänen werden weggenommen? Die Liste ist leer.",
	"Similar names and names to remember need unclaimed jobs that people are asked for.":                           "Ähnliche Namen und Namen zum Merken brauchen Aufträge ohne Besitzer, nach denen gefragt wird.",
	"Unclaimed jobs cannot be treated like %q, only like hold or ask.":                                             "Mit Aufträgen ohne Besitzer geht nicht %q, nur hold oder ask.",
	"Domains cannot be taken off like %q, only like all, none or listed.":                                          "Domänen werden nicht nach %q weggenommen, nur nach all, none oder listed.",
	"The pattern %s has %d groups and needs exactly one, which is the name, as in ^CORP-(.*)$ it is what follows.": "Das Muster %s hat %d Gruppen und braucht genau eine, die der Name ist, so wie in ^CORP-(.*)$ das, was folgt.",
	"People have no name %q, or it stands there twice; there are alias, login, upn and email.":                     "Leute haben keinen Namen %q, oder er steht doppelt da; es gibt alias, login, upn und email.",
	"The computer %q is no address, no prefix and no name.":                                                        "Der Computer %q ist keine Adresse, kein Präfix und kein Name.",
}
