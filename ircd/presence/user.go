package presence

// User is a person as IRC shows them.
type User struct {
	// ID is opaque, stable and unique; it is shown as the account name
	// (account-tag, extended-join, WHOIS 330). Never an e-mail address.
	ID string
	// Nick is unique among all users known at one time and valid by IsNick.
	Nick string
	// Username is the part of the mask between "!" and "@".
	Username string
	// Host is the part of the mask behind "@"; never an address.
	Host string
	// Realname is free text: the name as people write it.
	Realname string
}
