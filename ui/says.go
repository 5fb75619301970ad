package ui

// What the errors of Members say to people, so that the catalogue has it.
const (
	SaysSpent        = "This address was used already, or it is too old. On the print node, platen admin token makes a new one."
	SaysUserName     = "A user name is one word of at most 64 characters."
	SaysShort        = "The password has fewer than %d characters."
	SaysSame         = "The password must not be the user name."
	SaysTaken        = "There is a user %s already."
	SaysOff          = "Your account here is switched off. Please ask the help desk."
	SaysNobodyThere  = "Nobody here is known by the account with which you have signed in. Please ask the administrator."
	SaysSeveralThere = "Several people here are known by the account with which you have signed in. Please ask the administrator."
	SaysNameAlone    = "An administrator is not recognised by name alone. On the print node, platen sign-in oidc link connects the account."
	SaysNobodyHere   = "Nobody here is known by the account of this computer. Please sign in another way."
	SaysSeveralHere  = "Several people here are known by the account of this computer. Please sign in another way, and tell the administrator."
	SaysNoPage       = "There is no such page here."
)
