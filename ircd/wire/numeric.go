package wire

// Numerics that irc.v4 has no constant for, or has under the name of an older
// meaning. The names are those of https://modern.ircdocs.horse and the IRCv3
// specifications.
const (
	RPL_LOCALUSERS   = "265"
	RPL_GLOBALUSERS  = "266"
	RPL_WHOISACCOUNT = "330"
	RPL_TOPICWHOTIME = "333"
	RPL_WHOISBOT     = "335"
	RPL_WHOSPCRPL    = "354"
	RPL_WHOISHOST    = "378"
	RPL_WHOISMODES   = "379"
	RPL_WHOISSECURE  = "671"
	RPL_HELPSTART    = "704"
	RPL_HELPTXT      = "705"
	RPL_ENDOFHELP    = "706"
	ERR_UNKNOWNERROR = "400"
	ERR_INPUTTOOLONG = "417"
	ERR_HELPNOTFOUND = "524"
)
