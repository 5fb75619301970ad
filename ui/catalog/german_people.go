package catalog

// germanPeople is what is said of people, groups and their rights, and of where they come from.
var germanPeople = map[string]string{

	// Signing in with a directory.
	"That did not match, or it cannot be checked now, because the directory does not answer. Please use your card, or try again later.": "Das stimmte nicht überein, oder es kann gerade nicht geprüft werden, weil das Verzeichnis nicht antwortet. Bitte nehmen Sie Ihre Karte, oder versuchen Sie es später noch einmal.",
	"You have as many cards already as one person may have here. Please ask the help desk.":                                             "Sie haben schon so viele Karten, wie hier eine Person haben darf. Bitte fragen Sie den Helpdesk.",
	"There is no such code.": "Diesen Code gibt es nicht.",

	// Rights.
	"You do not have the right to release this document at this device.":                                                   "Sie haben kein Recht, dieses Dokument an diesem Gerät freizugeben.",
	"This document has more pages than you may print at a time here.":                                                      "Dieses Dokument hat mehr Seiten, als Sie hier auf einmal drucken dürfen.",
	"This document may have colour, this device cannot be told to print it without, and you may not print in colour here.": "Dieses Dokument kann farbig sein, diesem Gerät kann nicht gesagt werden, es ohne Farbe zu drucken, und Sie dürfen hier nicht in Farbe drucken.",
	"Nobody knows how many pages this document has, and you may print only so many at a time here.":                        "Niemand weiß, wie viele Seiten dieses Dokument hat, und Sie dürfen hier nur eine bestimmte Zahl auf einmal drucken.",
	"The pages of this document are still being counted. Please wait a moment.":                                            "Die Seiten dieses Dokuments werden noch gezählt. Bitte warten Sie einen Moment.",
	"This device does not let itself be told to print without colour.":                                                     "Diesem Gerät kann nicht gesagt werden, ohne Farbe zu drucken.",
	"This document has colour, and you may not print in colour here.":                                                      "Dieses Dokument ist farbig, und Sie dürfen hier nicht in Farbe drucken.",
	"Printed on both sides, because of the right force-duplex of %s.":                                                      "Beidseitig gedruckt, wegen des Rechts force-duplex von %s.",
	"Printed without colour, because of the right force-mono of %s.":                                                       "Ohne Farbe gedruckt, wegen des Rechts force-mono von %s.",
	"Printed without colour, because its owner has no right to print in colour here.":                                      "Ohne Farbe gedruckt, weil der Besitzer hier kein Recht hat, in Farbe zu drucken.",
	"There is no such right.":   "Dieses Recht gibt es nicht.",
	"This right was not given.": "Dieses Recht war nicht vergeben.",

	// Groups, device groups, sites and readers.
	"A group needs a name.":                                         "Eine Gruppe braucht einen Namen.",
	"A group cannot be in itself.":                                  "Eine Gruppe kann nicht in sich selbst sein.",
	"That is not in this group.":                                    "Das ist nicht in dieser Gruppe.",
	"There is a group %s already.":                                  "Es gibt schon eine Gruppe %s.",
	"There is no such group.":                                       "Diese Gruppe gibt es nicht.",
	"There are several groups called %s. Please name it by its id.": "Es gibt mehrere Gruppen namens %s. Bitte nennen Sie sie bei ihrer Kennung.",
	"This group comes from a directory and is changed there.":       "Diese Gruppe kommt aus einem Verzeichnis und wird dort geändert.",
	"A device group needs a name.":                                  "Eine Gerätegruppe braucht einen Namen.",
	"There is a device group %s already.":                           "Es gibt schon eine Gerätegruppe %s.",
	"There is no such device group.":                                "Diese Gerätegruppe gibt es nicht.",
	"A site needs a name.":                                          "Ein Standort braucht einen Namen.",
	"There is a site %s already.":                                   "Es gibt schon einen Standort %s.",
	"There is no such site.":                                        "Diesen Standort gibt es nicht.",
	"A reader needs a name.":                                        "Ein Leser braucht einen Namen.",
	"There is a reader %s already.":                                 "Es gibt schon einen Leser %s.",
	"There is no such reader.":                                      "Diesen Leser gibt es nicht.",

	// Sources.
	"A source needs a name.":                                             "Eine Quelle braucht einen Namen.",
	"There is a source %s already.":                                      "Es gibt schon eine Quelle %s.",
	"There is no such source.":                                           "Diese Quelle gibt es nicht.",
	"The path of the file must be an absolute one.":                      "Der Pfad der Datei muss ein absoluter sein.",
	"The file is larger than 64 MiB.":                                    "Die Datei ist größer als 64 MiB.",
	"The file cannot be read. Is it there, and may the service read it?": "Die Datei kann nicht gelesen werden. Ist sie da, und darf der Dienst sie lesen?",
	"Nothing was taken: a line of the file is wrong: %s":                 "Nichts wurde übernommen: Eine Zeile der Datei ist falsch: %s",
	"Nothing was taken: %d lines of the file are wrong. The first: %s":   "Nichts wurde übernommen: %d Zeilen der Datei sind falsch. Die ersten: %s",

	// Who could sign in.
	"There is no card, no PIN and no password.":                                                                                     "Es gibt keine Karte, keine PIN und kein Passwort.",
	"There is no card and no PIN, and the password has not been used here while the directory could check it.":                      "Es gibt keine Karte und keine PIN, und das Passwort wurde hier noch nicht benutzt, während das Verzeichnis es prüfen konnte.",
	"All cards are blocked, and there is neither a PIN nor a password.":                                                             "Alle Karten sind gesperrt, und es gibt weder eine PIN noch ein Passwort.",
	"All cards are blocked, there is no PIN, and the password has not been used here since the last time that it could be checked.": "Alle Karten sind gesperrt, es gibt keine PIN, und das Passwort wurde hier nicht mehr benutzt, seit es zuletzt geprüft werden konnte.",

	// Guests: what is wrong with one.
	"That is too long.":                                                                      "Das ist zu lang.",
	"Names have no control characters.":                                                      "Namen haben keine Steuerzeichen.",
	"The user name of a guest is one word.":                                                  "Der Benutzername eines Gastes ist ein Wort.",
	"That is no e-mail address.":                                                             "Das ist keine E-Mail-Adresse.",
	"To be sent, it needs an e-mail address.":                                                "Um verschickt zu werden, braucht es eine E-Mail-Adresse.",
	"What is sent by mail is a user name with a PIN, and no password.":                       "Per E-Mail wird ein Benutzername mit einer PIN verschickt, und kein Passwort.",
	"A guest needs a PIN or a password.":                                                     "Ein Gast braucht eine PIN oder ein Passwort.",
	"Please say who answers for the guest.":                                                  "Bitte sagen Sie, wer für den Gast einsteht.",
	"This person cannot answer for a guest.":                                                 "Diese Person kann nicht für einen Gast einstehen.",
	"The end must be later than now.":                                                        "Das Ende muss später als jetzt sein.",
	"A guest's account lasts %d days at most.":                                               "Das Konto eines Gastes dauert höchstens %d Tage.",
	"That is no day and no time, such as 2026-12-31 or 2026-12-31 18:00.":                    "Das ist weder ein Tag noch eine Zeit, wie 2026-12-31 oder 2026-12-31 18:00.",
	"The language is de or en.":                                                              "Die Sprache ist de oder en.",
	"There are %d guests already, and more are not possible at a time.":                      "Es gibt schon %d Gäste, und mehr sind gleichzeitig nicht möglich.",
	"Somebody here is called %s already: %s. A guest who comes again is extended.":           "Hier heißt schon jemand %s: %s. Ein Gast, der wiederkommt, wird verlängert.",
	"The PIN of this guest belongs to somebody else by now. Please add the guest once more.": "Die PIN dieses Gastes gehört inzwischen jemand anderem. Bitte legen Sie den Gast noch einmal an.",
	"This PIN is taken. Please choose another one.":                                          "Diese PIN ist vergeben. Bitte wählen Sie eine andere.",
	"There is no such guest.":                                                                "Diesen Gast gibt es nicht.",

	// Delegations: who may release whose documents.
	"There is no such delegation.":                                                                  "Diese Vertretung gibt es nicht.",
	"That was given already. Please end it first, to change it.":                                    "Das ist schon erlaubt. Bitte beenden Sie es zuerst, um es zu ändern.",
	"Nobody needs that for documents of their own.":                                                 "Für eigene Dokumente braucht das niemand.",
	"Nobody may let more than %d others release documents. A group may have any number of members.": "Niemand darf mehr als %d anderen erlauben, Dokumente freizugeben. Eine Gruppe darf beliebig viele Mitglieder haben.",
	"This person's account is not in use.":                                                          "Das Konto dieser Person ist nicht in Gebrauch.",
	"Please type the user name of a colleague.":                                                     "Bitte geben Sie den Benutzernamen eines Kollegen oder einer Kollegin ein.",
	"Nobody asks for that any longer.":                                                              "Darum bittet niemand mehr.",
	"You may not release documents of this person, or not any longer.":                              "Sie dürfen Dokumente dieser Person nicht oder nicht mehr freigeben.",
	"Only its owner may delete this document. You may print it.":                                    "Nur der Besitzer darf dieses Dokument löschen. Drucken dürfen Sie es.",
	"Its owner may not print it like this at this device, so you may not either.":                   "Der Besitzer darf es an diesem Gerät so nicht drucken, deshalb dürfen Sie es auch nicht.",
	"Whoever released it for its owner said that it had printed.":                                   "Wer es für den Besitzer freigegeben hat, sagte, dass es gedruckt wurde.",
	"Released at %s by %s, for %s.":                                                                 "An %s freigegeben von %s, für %s.",
	"Asked to print it again at %s, although it may have printed: %s, for %s.":                      "Wollte, dass es an %s noch einmal gedruckt wird, obwohl es gedruckt sein könnte: %s, für %s.",
	"Printed without colour, because %s has no right to print in colour here.":                      "Ohne Farbe gedruckt, weil %s hier kein Recht hat, in Farbe zu drucken.",
}
