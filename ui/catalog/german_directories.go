package catalog

// germanDirectories is what LDAP, Entra ID and files of other products answer.
var germanDirectories = map[string]string{}
