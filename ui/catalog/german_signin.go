package catalog

// germanSignIn is what Kerberos, OpenID Connect and the pages for signing in say.
var germanSignIn = map[string]string{}
