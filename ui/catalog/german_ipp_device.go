package catalog

// germanIPPDevice is what is said of devices that are reached by IPP, and of
// asking them.
var germanIPPDevice = map[string]string{

	// Why a device does not take a job.
	"The device is busy with another job.":                                         "Das Gerät ist mit einem anderen Auftrag beschäftigt.",
	"The device accepts no jobs at the moment.":                                    "Das Gerät nimmt zurzeit keine Aufträge an.",
	"The device cannot take a job at the moment.":                                  "Das Gerät kann zurzeit keinen Auftrag annehmen.",
	"The device refused the job.":                                                  "Das Gerät hat den Auftrag abgelehnt.",
	"The device is stopped.":                                                       "Das Gerät ist angehalten.",
	"This device does not print documents of this kind.":                           "Dieses Gerät druckt keine Dokumente dieser Art.",
	"The device cannot print this document.":                                       "Das Gerät kann dieses Dokument nicht drucken.",
	"The document is too large for the device.":                                    "Das Dokument ist zu groß für das Gerät.",
	"The device gave up the job.":                                                  "Das Gerät hat den Auftrag aufgegeben.",
	"The device does not answer as a printer does.":                                "Das Gerät antwortet nicht so, wie ein Drucker es tut.",
	"The connection to the device broke.":                                          "Die Verbindung zum Gerät ist abgerissen.",
	"An encrypted connection to the device cannot be made.":                        "Eine verschlüsselte Verbindung zum Gerät kommt nicht zustande.",
	"The key of the device could not be checked.":                                  "Der Schlüssel des Geräts konnte nicht geprüft werden.",
	"The device wants an encrypted connection; its address must begin with ipps.":  "Das Gerät verlangt eine verschlüsselte Verbindung; seine Adresse muss mit ipps beginnen.",
	"The device has no printer at this address; the path of its address is wrong.": "Das Gerät hat unter dieser Adresse keinen Drucker; der Pfad seiner Adresse ist falsch.",
	"The device does not take jobs from this node; it wants a user name and a password, or has a list of who may print.": "Das Gerät nimmt von diesem Knoten keine Aufträge an; es verlangt Benutzername und Passwort oder hat eine Liste, wer drucken darf.",

	// How it is.
	"The device has no toner or ink left.":                      "Das Gerät hat keinen Toner oder keine Tinte mehr.",
	"The device is low on toner or ink.":                        "Toner oder Tinte des Geräts gehen zur Neige.",
	"The device is low on paper.":                               "Das Papier des Geräts geht zur Neige.",
	"The waste container of the device is full.":                "Der Resttonerbehälter des Geräts ist voll.",
	"The waste container of the device is almost full.":         "Der Resttonerbehälter des Geräts ist fast voll.",
	"A paper tray of the device is missing.":                    "Ein Papierfach des Geräts fehlt.",
	"The output tray of the device is full.":                    "Das Ausgabefach des Geräts ist voll.",
	"The output tray of the device is almost full.":             "Das Ausgabefach des Geräts ist fast voll.",
	"Somebody has paused the device.":                           "Jemand hat das Gerät angehalten.",
	"The device is switched off, or its network does not work.": "Das Gerät ist ausgeschaltet, oder sein Netz funktioniert nicht.",

	// Asking it afterwards.
	"The connection broke; the device is asked what became of the job.": "Die Verbindung ist abgerissen; das Gerät wird gefragt, was aus dem Auftrag geworden ist.",
}
