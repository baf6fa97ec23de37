package ircd

import (
	"context"

	irc "gopkg.in/irc.v4"
)

// cmdSetname refuses (https://ircv3.net/specs/extensions/setname): a name is that
// of the account. When it changes there, everybody is told.
func (c *conn) cmdSetname(context.Context, *irc.Message) error {
	return &Error{Code: "CANNOT_CHANGE_REALNAME", Text: "Your name is that of your account: change it where accounts are managed"}
}
