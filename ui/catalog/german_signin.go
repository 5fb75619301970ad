package catalog

// germanSignIn is what Kerberos, OpenID Connect and the pages for signing in say.
var germanSignIn = map[string]string{
	// OpenID Connect: setting it up.
	"The client ID is missing.":                                                              "Die Client-ID fehlt.",
	"The login cannot come from the claim %s.":                                               "Der Benutzername kann nicht aus dem Claim %s kommen.",
	"A scope is one word.":                                                                   "Ein Scope ist ein Wort.",
	"Each role needs a group.":                                                               "Jede Rolle braucht eine Gruppe.",
	"Roles need the name of the claim that holds the groups.":                                "Rollen brauchen den Namen des Claims, der die Gruppen enthält.",
	"The CA certificate cannot be read.":                                                     "Das CA-Zertifikat lässt sich nicht lesen.",
	"The issuer is a web address such as https://login.example.com.":                         "Der Aussteller ist eine Webadresse wie https://login.example.com.",
	"The issuer must begin with https.":                                                      "Der Aussteller muss mit https beginnen.",
	"The sign-in service calls itself by another issuer than the one that is set up here.":   "Der Anmeldedienst nennt sich anders als der Aussteller, der hier eingestellt ist.",
	"The sign-in service gave an answer that cannot be used. Please tell the administrator.": "Der Anmeldedienst hat eine unbrauchbare Antwort gegeben. Bitte sagen Sie es dem Administrator.",

	// OpenID Connect: signing in.
	"The sign-in service does not answer at the moment. Please try again later or sign in another way.":                                                 "Der Anmeldedienst antwortet im Moment nicht. Bitte versuchen Sie es später noch einmal oder melden Sie sich auf anderem Weg an.",
	"The certificate of the sign-in service is not valid, so nobody is sent there. Please tell the administrator.":                                      "Das Zertifikat des Anmeldedienstes ist nicht gültig, deshalb wird niemand dorthin geschickt. Bitte sagen Sie es dem Administrator.",
	"This sign-in has expired or was used already. Please sign in again.":                                                                               "Diese Anmeldung ist abgelaufen oder wurde schon benutzt. Bitte melden Sie sich noch einmal an.",
	"You were not signed in, because it was not completed at the sign-in service.":                                                                      "Sie wurden nicht angemeldet, weil die Anmeldung beim Anmeldedienst nicht abgeschlossen wurde.",
	"The sign-in service does not accept the question of the print service. Please tell the administrator.":                                             "Der Anmeldedienst nimmt die Anfrage des Druckdienstes nicht an. Bitte sagen Sie es dem Administrator.",
	"The sign-in service does not accept the client ID or the secret of the print service. Please tell the administrator.":                              "Der Anmeldedienst nimmt die Client-ID oder das Geheimnis des Druckdienstes nicht an. Bitte sagen Sie es dem Administrator.",
	"The answer of the sign-in service could not be verified, so you were not signed in. Please tell the administrator.":                                "Die Antwort des Anmeldedienstes ließ sich nicht prüfen, deshalb wurden Sie nicht angemeldet. Bitte sagen Sie es dem Administrator.",
	"The sign-in service has not confirmed your e-mail address, so you cannot sign in with it.":                                                         "Der Anmeldedienst hat Ihre E-Mail-Adresse nicht bestätigt, deshalb können Sie sich nicht damit anmelden.",
	"The sign-in service does not say who you are: the claim %s is missing. Please tell the administrator.":                                             "Der Anmeldedienst sagt nicht, wer Sie sind: Der Claim %s fehlt. Bitte sagen Sie es dem Administrator.",
	"You are in more groups than the sign-in service can name, so your rights are not known. Please ask the administrator to let it send fewer groups.": "Sie sind in mehr Gruppen, als der Anmeldedienst nennen kann, deshalb sind Ihre Rechte nicht bekannt. Bitte fragen Sie den Administrator, ob er weniger Gruppen senden lassen kann.",

	// Kerberos.
	"Signing in with Kerberos did not work. Please sign in with your user name and password.":                                    "Die Anmeldung mit Kerberos hat nicht geklappt. Bitte melden Sie sich mit Benutzername und Passwort an.",
	"NTLM is not accepted, only Kerberos. The computer must be signed in to the domain and use the full name of the server.":     "NTLM wird nicht angenommen, nur Kerberos. Der Computer muss an der Domäne angemeldet sein und den vollen Namen des Servers verwenden.",
	"Too many people sign in at the moment. Please try again in a few minutes.":                                                  "Im Moment melden sich zu viele an. Bitte versuchen Sie es in einigen Minuten noch einmal.",
	"The ticket is for another service. Please use the name of the server that the administrator gave you.":                      "Das Ticket gilt für einen anderen Dienst. Bitte verwenden Sie den Namen des Servers, den Ihnen der Administrator genannt hat.",
	"The print service has no key for this ticket. Please sign in with your user name and password, and tell the administrator.": "Der Druckdienst hat keinen Schlüssel für dieses Ticket. Bitte melden Sie sich mit Benutzername und Passwort an und sagen Sie es dem Administrator.",
	"The ticket is not valid yet. Please check the clock of your computer.":                                                      "Das Ticket ist noch nicht gültig. Bitte prüfen Sie die Uhr Ihres Computers.",
	"The ticket has expired. Please lock and unlock your computer, then try again.":                                              "Das Ticket ist abgelaufen. Bitte sperren und entsperren Sie Ihren Computer und versuchen Sie es dann noch einmal.",
	"The clock of your computer and that of the print service differ by more than five minutes.":                                 "Die Uhr Ihres Computers und die des Druckdienstes weichen um mehr als fünf Minuten voneinander ab.",
	"The request signs in twice.":                           "Die Anfrage meldet sich zweimal an.",
	"This is not a usable keytab.":                          "Das ist keine brauchbare Keytab.",
	"The service name is HTTP/ and the name of the server.": "Der Dienstname ist HTTP/ und der Name des Servers.",
	"The keytab has no usable key for this service.":        "Die Keytab hat keinen brauchbaren Schlüssel für diesen Dienst.",
	"The keytab has only weak keys (RC4 or DES) for %s. Please let the account use AES and export the keytab again.": "Die Keytab hat für %s nur schwache Schlüssel (RC4 oder DES). Bitte erlauben Sie dem Konto AES und exportieren Sie die Keytab neu.",
	"The keytab has no key for a web service. Browsers ask for HTTP/ and the name of the server.":                    "Die Keytab hat keinen Schlüssel für einen Webdienst. Browser fragen nach HTTP/ und dem Namen des Servers.",
}
