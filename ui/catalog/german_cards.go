package catalog

// germanCards is what is said of card numbers and the rules that bring them to one form.
var germanCards = map[string]string{
	"A card number rule has at most %d characters.":                                                                                      "Eine Kartennummer-Regel hat höchstens %d Zeichen.",
	"A card number rule has at most %d functions.":                                                                                       "Eine Kartennummer-Regel hat höchstens %d Funktionen.",
	"A card number rule has functions within functions at most %d deep.":                                                                 "Funktionen in Funktionen sind in einer Kartennummer-Regel höchstens %d Ebenen tief.",
	"There is no card number function %s. There are: %s.":                                                                                "Die Kartennummer-Funktion %s gibt es nicht. Es gibt: %s.",
	"The text in quotes at character %d cannot be read. In quotes a backslash is written twice; between back quotes it is written once.": "Der Text in Anführungszeichen bei Zeichen %d ist nicht lesbar. In Anführungszeichen wird ein umgekehrter Schrägstrich doppelt geschrieben, zwischen Gravis-Zeichen einfach.",
	"The card number rule ends too early.":                                                                                               "Die Kartennummer-Regel endet zu früh.",
	"The card number rule cannot be read from character %d on, which is %q.":                                                             "Die Kartennummer-Regel ist ab Zeichen %d nicht lesbar, das ist %q.",
	"The pattern %q cannot be used: %s.":                                                                                                 "Das Muster %q kann nicht verwendet werden: %s.",
	"The card number function %s is written like this: %s.":                                                                              "Die Kartennummer-Funktion %s schreibt man so: %s.",
	"Nothing of this card number is left after the rule of its reader.":                                                                  "Von dieser Kartennummer bleibt nach der Regel ihres Lesers nichts übrig.",
	"This card number does not fit the rule of its reader: it has nothing of the pattern of %s.":                                         "Diese Kartennummer passt nicht zur Regel ihres Lesers: Das Muster von %s kommt nicht darin vor.",
	"This card number does not fit the rule of its reader: %s takes only the digits 0 and 1.":                                            "Diese Kartennummer passt nicht zur Regel ihres Lesers: %s nimmt nur die Ziffern 0 und 1.",
	"This card number does not fit the rule of its reader: %s takes only decimal digits.":                                                "Diese Kartennummer passt nicht zur Regel ihres Lesers: %s nimmt nur Dezimalziffern.",
	"This card number does not fit the rule of its reader: %s takes only hexadecimal digits.":                                            "Diese Kartennummer passt nicht zur Regel ihres Lesers: %s nimmt nur Hexadezimalziffern.",
	"This card number does not fit the rule of its reader: %s takes characters in pairs, and one is alone.":                              "Diese Kartennummer passt nicht zur Regel ihres Lesers: %s nimmt Zeichen paarweise, und eines ist allein.",
	"This card number does not fit the rule of its reader: %s takes characters that are written as pairs of hexadecimal digits.":         "Diese Kartennummer passt nicht zur Regel ihres Lesers: %s nimmt Zeichen, die als Paare von Hexadezimalziffern geschrieben sind.",
	"This card number does not fit the rule of its reader: a number of %d bits was expected.":                                            "Diese Kartennummer passt nicht zur Regel ihres Lesers: Erwartet wurde eine Zahl mit %d Bit.",
	"This card number does not fit the rule of its reader: facility or number have more digits than the rule leaves for them.":           "Diese Kartennummer passt nicht zur Regel ihres Lesers: Anlage oder Nummer haben mehr Stellen, als die Regel ihnen lässt.",
	"This card number was misread, or it is none of format %s: its parity is wrong.":                                                     "Diese Kartennummer wurde falsch gelesen oder hat nicht das Format %s: Ihre Parität stimmt nicht.",

	"You have as many cards already as one person may have here. Please ask the help desk.": "Sie haben schon so viele Karten, wie eine Person hier haben darf. Bitte wenden Sie sich an den Helpdesk.",

	// Rules of other vendors.
	"Platen does not know what %s does in %s. It knows: %s.": "Platen weiß nicht, was %s in %s tut. Bekannt sind: %s.",
	"In %s the function %s is written like this: %s.":        "In %s schreibt man die Funktion %s so: %s.",
	"The rule of %s ends too early.":                         "Die Regel von %s endet zu früh.",
	"The rule of %s cannot be read from here on: %q.":        "Die Regel von %s ist ab hier nicht lesbar: %q.",
	"SafeQ does not say whether the plus sign or the semicolon comes first. Please try with a card which of these is right: either %s, or %s.":                                    "SafeQ sagt nicht, ob das Pluszeichen oder das Semikolon Vorrang hat. Bitte probieren Sie mit einer Karte aus, was richtig ist: entweder %s oder %s.",
	"In SafeQ %s is the number as it was read. Behind another function Platen cannot take it over.":                                                                               "In SafeQ ist %s die Nummer, wie sie gelesen wurde. Hinter einer anderen Funktion kann Platen sie nicht übernehmen.",
	"A rule of PaperCut that runs JavaScript cannot be taken over, because Platen runs no scripts in rules. Please give some pairs of card numbers, so that a rule can be found.": "Eine Regel von PaperCut, die JavaScript ausführt, kann nicht übernommen werden, weil Platen in Regeln keine Skripte ausführt. Bitte geben Sie einige Paare von Kartennummern an, damit eine Regel gefunden werden kann.",
	"PaperCut has no converter %q. Its manuals name hex2dec, dec2hex, ascii-enc and javascript.":                                                                                  "PaperCut hat keinen Konverter %q. Seine Handbücher nennen hex2dec, dec2hex, ascii-enc und javascript.",
	"GLOBAL stands for the regular expression that is set for all devices of PaperCut. Please give that one.":                                                                     "GLOBAL steht für den regulären Ausdruck, der in PaperCut für alle Geräte eingestellt ist. Bitte geben Sie diesen an.",
	"The regular expression has %s, which means one thing in Java and another in Platen. Please write it without.":                                                                "Der reguläre Ausdruck enthält %s, was in Java etwas anderes bedeutet als in Platen. Bitte schreiben Sie ihn ohne das.",
	"The regular expression has no group in parentheses that is the card number.":                                                                                                 "Der reguläre Ausdruck hat keine Gruppe in Klammern, die die Kartennummer ist.",
}
