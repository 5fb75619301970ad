package catalog

// germanMail is what is said of mail, and in mails.
var germanMail = map[string]string{}
