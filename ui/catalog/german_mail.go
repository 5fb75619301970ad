package catalog

// germanMail is what is said of mail, and in mails.
var germanMail = map[string]string{

	// In mails.
	"Good day,":    "Guten Tag,",
	"Good day %s,": "Guten Tag %s,",
	"The print service sends this message by itself. Please do not answer it.": "Diese Nachricht schickt der Druckdienst von selbst. Bitte antworten Sie nicht darauf.",

	"Your new PIN for printing":                                                 "Ihre neue PIN zum Drucken",
	"Your new PIN for printing is %s.":                                          "Ihre neue PIN zum Drucken ist %s.",
	"Your old PIN is no longer valid.":                                          "Ihre alte PIN gilt nicht mehr.",
	"Please keep the PIN to yourself. The help desk will never ask you for it.": "Bitte behalten Sie die PIN für sich. Der Helpdesk wird Sie niemals danach fragen.",

	"Your code for signing in":       "Ihr Code zum Anmelden",
	"Your code is %s.":               "Ihr Code ist %s.",
	"It can be used once, until %s.": "Er gilt einmal, bis %s.",
	"If you have not asked for a code, please ignore this message.": "Wenn Sie keinen Code angefordert haben, beachten Sie diese Nachricht bitte nicht.",

	"A card was registered on your account":               "Für Ihr Konto wurde eine Karte registriert",
	"A card was registered on your account on %s.":        "Am %s wurde für Ihr Konto eine Karte registriert.",
	"A card was registered on your account on %s, at %s.": "Am %s wurde für Ihr Konto eine Karte registriert, an %s.",
	"Its number ends in %s.":                              "Ihre Nummer endet auf %s.",
	"If this was not you, please tell the help desk at once: whoever has the card can print your documents.": "Wenn Sie das nicht waren, sagen Sie es bitte sofort dem Helpdesk: Wer die Karte hat, kann Ihre Dokumente drucken.",

	"Printing as a guest":                              "Drucken als Gast",
	"You can print here as a guest until %s.":          "Sie können hier bis %s als Gast drucken.",
	"Your user name is %s.":                            "Ihr Benutzername ist %s.",
	"Your PIN is %s.":                                  "Ihre PIN ist %s.",
	"Type both at the device to print your documents.": "Geben Sie beides am Gerät ein, um Ihre Dokumente zu drucken.",

	// Why a message is not sent.
	"This is not an e-mail address that mail can be sent to.":              "Das ist keine E-Mail-Adresse, an die etwas geschickt werden kann.",
	"The subject of a message is one line of text.":                        "Der Betreff einer Nachricht ist eine Zeile Text.",
	"This message is too long to be sent by mail.":                         "Diese Nachricht ist zu lang für eine E-Mail.",
	"This message has characters that mail cannot have.":                   "Diese Nachricht hat Zeichen, die es in einer E-Mail nicht geben kann.",
	"This message cannot be sent by mail.":                                 "Diese Nachricht kann nicht als E-Mail geschickt werden.",
	"The mail server does not accept this recipient.":                      "Der Mailserver nimmt diesen Empfänger nicht an.",
	"The mail server does not accept this message.":                        "Der Mailserver nimmt diese Nachricht nicht an.",
	"The mail server cannot take the message now. Please try again later.": "Der Mailserver kann die Nachricht jetzt nicht annehmen. Bitte versuchen Sie es später noch einmal.",

	// What is wrong between the node and the mail server.
	"The mail server cannot be reached.": "Der Mailserver ist nicht erreichbar.",
	"The mail server refuses the connection. Please check the port, whether the server runs, and the firewalls.":                     "Der Mailserver weist die Verbindung ab. Bitte prüfen Sie den Port, ob der Server läuft, und die Firewalls.",
	"The mail server cannot be found: nobody knows this name. Please check how it is spelled, and the name servers of this machine.": "Der Mailserver ist nicht zu finden: Niemand kennt diesen Namen. Bitte prüfen Sie, wie er geschrieben ist, und die Nameserver dieses Rechners.",
	"The mail server cannot be looked for: no name server answers. Please check the name servers of this machine.":                   "Der Mailserver kann nicht gesucht werden: Kein Nameserver antwortet. Bitte prüfen Sie die Nameserver dieses Rechners.",
	"The mail server cannot be reached: there is no way to it in the network.":                                                       "Der Mailserver ist nicht erreichbar: Im Netz führt kein Weg zu ihm.",
	"The mail server did not answer in time.":                                                    "Der Mailserver hat nicht rechtzeitig geantwortet.",
	"The mail server ended the conversation, or answers what is not SMTP.":                       "Der Mailserver hat das Gespräch beendet oder antwortet nicht mit SMTP.",
	"The mail server refuses to speak with this node.":                                           "Der Mailserver weigert sich, mit diesem Knoten zu sprechen.",
	"The mail server does not accept the user name or the password.":                             "Der Mailserver nimmt den Benutzernamen oder das Passwort nicht an.",
	"The mail server does not accept the address of the sender.":                                 "Der Mailserver nimmt die Adresse des Absenders nicht an.",
	"The mail server does not offer to sign in with PLAIN or LOGIN.":                             "Der Mailserver bietet nicht an, sich mit PLAIN oder LOGIN anzumelden.",
	"The mail server wants a user name and a password.":                                          "Der Mailserver verlangt einen Benutzernamen und ein Passwort.",
	"The password for the mail server is missing. Please enter it again.":                        "Das Passwort für den Mailserver fehlt. Bitte geben Sie es noch einmal ein.",
	"The mail server does not offer encryption by STARTTLS.":                                     "Der Mailserver bietet keine Verschlüsselung mit STARTTLS an.",
	"The mail server does not speak TLS at this port. Please check the port and the encryption.": "Der Mailserver spricht an diesem Port kein TLS. Bitte prüfen Sie den Port und die Verschlüsselung.",
	"No TLS connection to the mail server could be made.":                                        "Es ließ sich keine TLS-Verbindung zum Mailserver herstellen.",
	"The certificate of the mail server has expired.":                                            "Das Zertifikat des Mailservers ist abgelaufen.",
	"The certificate of the mail server is not valid yet. Please check the clocks.":              "Das Zertifikat des Mailservers gilt noch nicht. Bitte prüfen Sie die Uhren.",
	"The certificate of the mail server is for another name than %s.":                            "Das Zertifikat des Mailservers gilt für einen anderen Namen als %s.",

	// What is wrong with what was set up.
	"The name of the mail server is missing or wrong.":                                    "Der Name des Mailservers fehlt oder ist falsch.",
	"The port of the mail server is a number from 1 to 65535.":                            "Der Port des Mailservers ist eine Zahl von 1 bis 65535.",
	"The encryption of the mail server is starttls, tls or none.":                         "Die Verschlüsselung des Mailservers ist starttls, tls oder none.",
	"Mail without encryption has to be allowed first (--allow-no-tls yes).":               "E-Mail ohne Verschlüsselung muss erst erlaubt werden (--allow-no-tls yes).",
	"A password for mail is sent with encryption only.":                                   "Ein Passwort für E-Mail wird nur verschlüsselt geschickt.",
	"The sender of mail is not an e-mail address.":                                        "Der Absender von E-Mails ist keine E-Mail-Adresse.",
	"The name of the sender or the user is too long, or has characters that no name has.": "Der Name des Absenders oder des Benutzers ist zu lang oder hat Zeichen, die kein Name hat.",
	"What the node calls itself before the mail server is no name of a host.":             "Wie der Knoten sich beim Mailserver nennt, ist kein Name eines Rechners.",
	"The authorities of the mail server are not certificates in PEM.":                     "Die Zertifizierungsstellen des Mailservers sind keine Zertifikate in PEM.",
}
