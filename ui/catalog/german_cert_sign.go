package catalog

// germanCertSign is what signing and checking API tokens say.
var germanCertSign = map[string]string{
	"This chain cannot sign tokens: its key must be ECDSA on P-256, P-384 or P-521, RSA with 2048 to 4096 bits, or Ed25519.":                                 "Diese Kette kann keine Tokens signieren: Ihr Schlüssel muss ECDSA auf P-256, P-384 oder P-521, RSA mit 2048 bis 4096 Bit oder Ed25519 sein.",
	"This chain cannot sign tokens: its certificate does not allow signatures.":                                                                              "Diese Kette kann keine Tokens signieren: Ihr Zertifikat erlaubt keine Signaturen.",
	"No chain is chosen that signs API tokens, so none are made. Make one with platen cert signing generate, or choose one with platen cert signing choose.": "Es ist keine Kette gewählt, die API-Tokens signiert, deshalb werden keine ausgestellt. Erzeugen Sie eine mit platen cert signing generate, oder wählen Sie eine mit platen cert signing choose.",
	"The chain that signs API tokens ended on %s, so none are made. Make the next one with platen cert signing generate.":                                    "Die Kette, die API-Tokens signiert, ist am %s abgelaufen, deshalb werden keine ausgestellt. Erzeugen Sie die nächste mit platen cert signing generate.",
	"A token ends after at most %d days.":                                           "Ein Token endet nach höchstens %d Tagen.",
	"This API token has ended. Please ask the administrator for a new one.":         "Dieses API-Token ist abgelaufen. Bitte fragen Sie den Administrator nach einem neuen.",
	"This API token is not valid yet. Please check the clock of the print service.": "Dieses API-Token gilt noch nicht. Bitte prüfen Sie die Uhr des Druckdienstes.",
}
