// Package entra reads people and groups from Microsoft Entra ID, through the
// delta queries of Microsoft Graph v1.0.
//
// The first read walks users/delta and groups/delta from scratch to their
// deltaLinks; every further one starts at the links it had. The service may
// say a thing twice, in any order and only in part, so what it says is merged,
// and whoever has changed is read again as a whole. When it no longer knows a
// link, or somebody who has changed cannot be found, everybody is read again.
// An answer that breaks off is an error, never a short answer.
//
// What is relied on is what these pages publish, and nothing else:
//
//   - "Use delta query to track changes in Microsoft Graph data",
//     https://learn.microsoft.com/en-us/graph/delta-query-overview: nextLink
//     and deltaLink, opaque tokens, @removed, replays, 410 Gone,
//     syncStateNotFound, tokens that live seven days.
//   - "Get incremental changes for users" and "... for groups",
//     https://learn.microsoft.com/en-us/graph/delta-query-users,
//     https://learn.microsoft.com/en-us/graph/delta-query-groups: $select,
//     members@delta, a large group on several pages. "user: delta" and "group:
//     delta", https://learn.microsoft.com/en-us/graph/api/user-delta,
//     https://learn.microsoft.com/en-us/graph/api/group-delta.
//   - "List group members" and "List group transitive members",
//     https://learn.microsoft.com/en-us/graph/api/group-list-members,
//     https://learn.microsoft.com/en-us/graph/api/group-list-transitivemembers.
//   - "Combine multiple HTTP requests using JSON batching",
//     https://learn.microsoft.com/en-us/graph/json-batching: at most twenty.
//   - "Microsoft Graph throttling guidance",
//     https://learn.microsoft.com/en-us/graph/throttling: 429 and Retry-After,
//     which may have a fraction; back off exponentially when it is not there.
//   - "Microsoft Graph error responses and resource types",
//     https://learn.microsoft.com/en-us/graph/errors, and "Resolve Microsoft
//     Graph authorization errors",
//     https://learn.microsoft.com/en-us/graph/resolve-auth-errors.
//   - "Paging Microsoft Graph data in your app",
//     https://learn.microsoft.com/en-us/graph/paging.
//   - "user resource type",
//     https://learn.microsoft.com/en-us/graph/api/resources/user, and "Add
//     custom data to resources using extensions",
//     https://learn.microsoft.com/en-us/graph/extensibility-overview: the
//     attributes.
//   - "Microsoft identity platform and the OAuth 2.0 client credentials flow",
//     https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
//   - "Microsoft identity platform application authentication certificate
//     credentials",
//     https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials:
//     PS256, x5t#S256, the token endpoint as audience.
//   - "Microsoft Entra authentication and authorization error codes",
//     https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes.
//     It asks clients not to depend on AADSTS numbers, so they choose a
//     sentence here, and never a kind.
//   - "Microsoft Graph national cloud deployments",
//     https://learn.microsoft.com/en-us/graph/deployments.
//
// The tests ask a local server that follows the published contract. No real
// Entra ID has been asked.
//
// The application needs the application permissions User.Read.All and
// Group.Read.All, or Directory.Read.All. Members of groups with hidden
// membership need Member.Read.Hidden as well; without it they are missing.
//
// The package does not know SQL, and does not know who is kept where.
package entra
