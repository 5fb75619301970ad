// Package oidc lets people sign in to the pages with an OpenID Connect
// provider: Entra ID, Keycloak, AD FS, Google and the like.
//
// It speaks the authorisation code flow with PKCE (OpenID Connect Core 1.0,
// RFC 6749, RFC 7636, RFC 9700). A browser is sent to the provider with
// Provider.Begin and comes back to Provider.Finish, which says who it is. What
// must be remembered in between (Pending) is the caller's to seal into a cookie
// of that browser.
//
// The package promises that nobody is named whose token was not signed by the
// configured issuer, for this client and for this very sign-in, within its
// time. It trusts neither the query that comes back nor the size, speed or form
// of what the provider answers.
//
// It does not know cookies, sessions or SQL, and not which users there are:
// what to do with a person whom nobody knows is the caller's decision
// (Config.RefuseUnknown).
package oidc
