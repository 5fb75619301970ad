package ui

import (
	"golang.org/x/text/language"

	"platen/ui/catalog"
)

// hebrew is here to see what a language that runs the other way does to the
// pages. It is not offered to people: nobody who speaks it has read it.
var hebrew = &catalog.Language{
	Tag: language.Hebrew, Name: "עברית", Dir: "rtl",
	Sentences: map[string]string{
		"Sign in": "כניסה", "Sign out": "יציאה", "Hold your card to the reader": "הצמידו את הכרטיס לקורא",
		"Then choose what to print.": "ואז בחרו מה להדפיס.", "User name and password": "שם משתמש וסיסמה",
		"User name and PIN": "שם משתמש וקוד", "or type your PIN": "או הקלידו את הקוד", "User name": "שם משתמש",
		"Password": "סיסמה", "PIN": "קוד", "Back": "חזרה", "Cancel": "ביטול", "Your documents": "המסמכים שלכם",
		"Print selected": "הדפסת הנבחרים", "Delete": "מחיקה", "Keep longer": "שמירה נוספת", "Details": "פרטים",
		"Answer": "תשובה", "Did it print?": "האם הודפס?", "Waiting for you": "ממתינים לכם", "Done": "הסתיימו",
		"colour": "צבע", "black and white": "שחור לבן", "both sides": "דו־צדדי", "one side": "צד אחד",
		"May have printed": "אולי הודפס", "Print": "הדפסה", "Print again": "הדפסה חוזרת", "Copies": "עותקים", "Sides": "צדדים",
		"State": "מצב", "Size": "גודל", "Sent": "נשלח", "Kept until": "נשמר עד", "as printed": "כפי שנשלח",
		"Waits for you": "ממתין לכם", "Are you still there?": "האם אתם עדיין כאן?", "Stay signed in": "להישאר",
		"You will be signed out in %d seconds.": "תנותקו בעוד %d שניות.", "Please take your paper": "קחו את הדפים",
		"Back to your documents": "חזרה למסמכים", "Printed": "הודפס", "Held again": "ממתין שוב",
		"It is still arriving. Please wait a moment.": "עדיין מתקבל. המתינו רגע.",
		"Use a PIN instead":                           "כניסה עם קוד", "You are signed out.": "יצאתם מהמערכת.",
	},
	Counted: map[string]catalog.Counted{
		"%d pages": {One: "עמוד אחד", Other: "%d עמודים"}, "%d copies": {One: "עותק אחד", Other: "%d עותקים"}, "Print all %d": {One: "הדפסה", Other: "הדפסת כל ה־%d"},
	},
}
