package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/budget"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

var errPrivateFields = errors.New("private messages: collection and the fields text, author, recipient and date are needed")

// reply makes the reply to a command that has failed.
func reply(numeric, code, text string, err error, params ...string) *ircd.Error {
	return &ircd.Error{Numeric: numeric, Params: params, Code: code, Text: text, Err: err}
}

// cannotSend is the reply to a message that was not stored, or not surely.
func cannotSend(channel, text string, err error) *ircd.Error {
	return reply(irc.ERR_CANNOTSENDTOCHAN, "CANNOT_SEND", text, err, channel)
}

// unaddressed is the reply to a message for somebody who could not be looked up, so
// that it stands where the message was typed; any other error is its own reply.
func unaddressed(target string, err error) error {
	if e, ok := errors.AsType[*ircd.Error](err); ok && e.Numeric == irc.RPL_TRYAGAIN {
		lost := cannotSend(target, "Not sent: whom it is for could not be found out. "+e.Text, err)
		lost.Lost = e.Code != codeLimited
		return lost
	}
	return err
}

const (
	// failureText tells what can be told of an error of Directus itself, which names no
	// reason to users.
	failureText     = "Directus failed at it, which a Flow or a rule of the database may be the cause of. Its log names the reason"
	unreachableText = "Directus is unreachable at the moment. Try again when it is back"
)

// verb is something that users ask Directus for, by what they are told when it fails.
type verb struct {
	not, notDone string // before all that is certain, and before failureText
	perhaps      string // after no answer; empty: as if Directus were unreachable
	unavailable  string // how Directus is; empty: unreachable
	forbidden    string // "Directus does not allow you to "
	refused      string // "Directus refused "
	invalid      string // the same, where the collection wants other values; empty: refused
	codes        map[string]string
	errs         map[error]string
}

var (
	sending = verb{
		"Not sent: ", "Not sent: ", "perhaps sent. It will be shown here if it was; look before you send it again",
		"Directus cannot take messages at the moment. Try again later", "write here", "the message", "the message as not valid for this collection",
		map[string]string{
			directus.CodeValueTooLong:      "Not sent: the text is longer than Directus accepts here. Send it in shorter parts",
			directus.CodeInvalidForeignKey: "Not sent: your Directus user, or something that this channel refers to, no longer exists",
			directus.CodeRequestsExceeded:  "Not sent: Directus asks for fewer messages at a time. Wait a moment and send it again",
		},
		map[error]string{
			directus.ErrLoggedOut: "Not sent: Directus has ended your session. Log in again",
			collection.ErrHidden:  "Directus does not allow you to write here, or to read what you wrote: perhaps sent, where you cannot see it",
		},
	}
	correcting = verb{
		not: "Not corrected: ", notDone: "Not corrected: ", perhaps: "perhaps corrected. Look before you try again",
		forbidden: "change messages here", refused: "it",
		codes: map[string]string{directus.CodeValueTooLong: "Not corrected: the text is longer than Directus accepts here"},
	}
	deleting = verb{
		not: "Not deleted: ", notDone: "Not deleted: ", perhaps: "perhaps deleted. Look before you try again",
		forbidden: "delete here", refused: "it",
	}
	reacting = verb{
		notDone: "Not done: ", perhaps: "perhaps done. Look before you try again",
		forbidden: "do this with reactions", refused: "the reaction",
	}
	settingTopic = verb{
		notDone: "The topic is not changed: ", perhaps: "perhaps changed. Look before you try again",
		forbidden: "change the topic", refused: "this topic",
	}
)

var renamingRoom = verb{
	not: "Not renamed: ", notDone: "Not renamed: ", perhaps: "perhaps renamed. It is shown here if so",
	forbidden: "rename this room", refused: "the name",
}

var makingRoom = verb{
	not: "No room was made: ", notDone: "No room was made: ", perhaps: "perhaps a room was made. LIST shows it if so",
	forbidden: "make rooms", refused: "the room",
}

var inviting = verb{
	not: "Not invited: ", notDone: "Not invited: ", perhaps: "perhaps invited. Look before you try again",
	forbidden: "add members to this room", refused: "the new member",
}

// told says what became of what failed. passing reports that it may work, or turn out to
// have worked, later.
func (v verb) told(err error) (text string, passing bool) {
	if errors.Is(err, directus.ErrUnconfirmed) && v.perhaps != "" {
		return "Directus did not answer: " + v.perhaps, true
	}
	for sign, text := range v.errs {
		if errors.Is(err, sign) {
			return text, false
		}
	}
	refusal, _ := errors.AsType[*directus.Error](err)
	switch {
	case errors.Is(err, directus.ErrNotConnected):
		return v.not + unreachableText, true
	case refusal != nil && v.codes[refusal.Code] != "":
		return v.codes[refusal.Code], false
	case directus.IsCode(err, directus.CodeForbidden):
		return v.not + "Directus does not allow you to " + v.forbidden, false
	case errors.Is(err, errFailed):
		return v.notDone + failureText, false
	case unanswered(err):
		return v.not + cmp.Or(v.unavailable, unreachableText), true
	case v.invalid != "" && refusal != nil && slices.Contains(invalidCodes, refusal.Code):
		return v.not + "Directus refused " + v.invalid + because(err), false
	}
	return v.not + "Directus refused " + v.refused + because(err), false
}

// invalidCodes say that a collection wants other values.
var invalidCodes = []string{directus.CodeFailedValidation, directus.CodeNotNullViolation, directus.CodeInvalidPayload}

// sendError says what became of a message that was not stored, or not surely.
func sendError(channel string, err error) *ircd.Error {
	text, passing := sending.told(err)
	e := cannotSend(channel, text, err)
	_, refused := errors.AsType[*directus.Error](err)
	e.Lost = passing || !refused || errors.Is(err, errFailed)
	return e
}

// messageError is the reply to what failed with a message; code is that of a refusal.
func messageError(v verb, code, target, msgid string, err error) *ircd.Error {
	text, passing := v.told(err)
	if passing {
		code = "TEMPORARILY_UNAVAILABLE"
	}
	return reply("", code, text, err, target, msgid)
}

// maxBecause is the length of a reason that is passed on, in bytes.
const maxBecause = 160

// because is Directus' own reason of a refusal, to be put behind what is told; empty
// if it gave none. It may quote what the user wrote.
func because(err error) string {
	e, ok := errors.AsType[*directus.Error](err)
	if !ok || e.Code == "" || e.Message == "" {
		return ""
	}
	if reason := text.Shorten(strings.Join(strings.Fields(wire.CleanText(e.Message)), " "), maxBecause); reason != "" {
		return ": " + reason
	}
	return ""
}

func invisible(channel string) *ircd.Error {
	return cannotSend(channel, "The message is stored, but not visible in "+channel+": the filter of the channel leaves it out. Whoever runs this server can see why with \"check\"", nil)
}

func noSuchChannel(name string) *ircd.Error {
	return reply(irc.ERR_NOSUCHCHANNEL, "NO_SUCH_CHANNEL", "No such channel. LIST shows those there are", nil, name)
}

// unreadable is the reply to a JOIN of a channel that the user may not read.
func unreadable(name string, err error) *ircd.Error {
	return reply(irc.ERR_INVITEONLYCHAN, "NOT_ALLOWED", "Cannot join: Directus does not allow you to read these messages", err, name)
}

// noHistory is the reply to a question about the history of what there is not, or
// what the user may not read, which are not told apart.
func noHistory(target string, err error) *ircd.Error {
	return reply(irc.ERR_NOSUCHCHANNEL, "INVALID_TARGET", "There is no such history, or Directus does not allow you to read it", err, target)
}

// badReference is the reply to a msgid that is not of this daemon.
func badReference(target string) *ircd.Error {
	return reply(irc.ERR_NOSUCHCHANNEL, "INVALID_MSGREFTYPE", "Not a msgid of this server. Ask by timestamp", nil, target)
}

func historyError(target string, err error) *ircd.Error {
	if e, ok := errors.AsType[*ircd.Error](err); ok && e.Code == "INVALID_MSGREFTYPE" {
		return e
	}
	if collection.IsForbidden(err) {
		return noHistory(target, err)
	}
	text := "Directus cannot be asked for messages at the moment. Try again later"
	if errors.Is(err, budget.ErrManyReads) {
		text = "Too much history is being read at the moment. Try again later"
	}
	return reply(irc.RPL_TRYAGAIN, "MESSAGE_ERROR", text, err, target)
}

// tryAgain is the reply to a question that Directus cannot answer now.
func tryAgain(err error) *ircd.Error { return tryLater(unreachableText, err) }

// tryLater is the reply to what may work later (263, RFC 2812, section 5.1).
func tryLater(text string, err error) *ircd.Error {
	return reply(irc.RPL_TRYAGAIN, "TEMPORARILY_UNAVAILABLE", text, err)
}

const codeLimited = "RATE_LIMITED"

func manySearches() *ircd.Error {
	return reply(irc.RPL_TRYAGAIN, codeLimited, "You have asked for many names in a short time: wait a moment and try again", nil)
}

// help says how to log in.
func (w scheme) help() string {
	switch {
	case w.provider == "":
		return "Log in with PASS email:password or PASS token, or by SASL PLAIN with your e-mail as the account"
	case w.template == "":
		return fmt.Sprintf("Log in with your name and password of %q: PASS name:password, or SASL PLAIN with the name as the account; or with PASS token", w.provider)
	}
	return fmt.Sprintf("Log in with your name and password of %q: PASS password with the name as the nick, or SASL PLAIN with it as the account; or with PASS token", w.provider)
}

// loginError sorts the ways a login can end without a session.
func (w scheme) loginError(err error) *ircd.LoginError {
	name := "e-mail"
	if w.provider != "" {
		name = "user name"
	}
	reason, text := ircd.Unavailable, "Directus is temporarily unavailable, your credentials were not checked. Try again in a moment"
	refusal, answered := errors.AsType[*directus.Error](err)
	switch {
	case directus.IsCode(err, directus.CodeInvalidOTP):
		reason, text = ircd.OTPRequired, "Your Directus account asks for a one-time code"
	case directus.IsCode(err, directus.CodeInvalidCredentials):
		reason, text = ircd.Rejected, "Directus did not accept these credentials: wrong "+name+", password or token, or an account that is not active"
	case directus.IsCode(err, directus.CodeInvalidPayload):
		reason, text = ircd.Rejected, "Directus could not read these credentials: check the "+name
	case errors.Is(err, directus.ErrNoUser):
		reason, text = ircd.Rejected, "This is no Directus user's token, but such as a share has: log in with the token or the password of a user"
	case errors.Is(err, context.Canceled):
		text = "Login was interrupted"
	case directus.IsCode(err, directus.CodeRouteNotFound) && w.provider == "":
		text = "Directus takes no passwords here (AUTH_DISABLE_DEFAULT), yours was not checked: log in with a static token. " + whoRuns
	case directus.IsCode(err, directus.CodeRouteNotFound):
		text = fmt.Sprintf("Directus takes no passwords for %q (login.provider), yours was not checked: log in with a static token. %s", w.provider, whoRuns)
	case directus.IsCode(err, directus.CodeInvalidProvider):
		text = "Directus cannot make an account for you, your password was not checked: another user has your e-mail address. " + whoRuns
	case directus.IsCode(err, directus.CodeInvalidProviderConfig):
		text = fmt.Sprintf("The directory %q refuses Directus itself, your password was not checked. %s", w.provider, whoRuns)
	case isLocked(refusal):
		reason, text = ircd.Rejected, fmt.Sprintf("The directory %q refuses every password of this account, as after too many wrong ones", w.provider)
	case w.provider != "" && directus.IsCode(err, directus.CodeServiceUnavailable):
		text = fmt.Sprintf("Directus gets no answer from the directory %q about you. Try again in a moment", w.provider)
	case answered && !errors.Is(err, directus.ErrUnavailable):
		text = fmt.Sprintf("Directus could not log you in (%s). %s", cmp.Or(refusal.Code, fmt.Sprint(refusal.Status)), whoRuns)
	}
	return &ircd.LoginError{Reason: reason, Text: text, Err: err}
}

// isLocked reports whether the directory behind a provider refuses all passwords of an account:
// some answer with constraintViolation or unwillingToPerform (RFC 4511, appendix A) then.
// Directus passes that on as if the directory were out of order, but has counted the attempt
// as a wrong password.
func isLocked(refusal *directus.Error) bool {
	return refusal != nil && refusal.Code == directus.CodeServiceUnavailable &&
		(strings.HasSuffix(refusal.Message, "Code: 0x13.") || strings.HasSuffix(refusal.Message, "Code: 0x35."))
}

// whoRuns ends the text of an error that only an operator can remove.
const whoRuns = "Tell whoever runs this server"

// admissionError is loginError once the credentials were accepted: whatever happens
// then says nothing against them.
func admissionError(err error) *ircd.LoginError {
	text := "Your credentials are right, but Directus is temporarily unavailable. Try again in a moment"
	if _, answered := errors.AsType[*directus.Error](err); answered && !errors.Is(err, directus.ErrUnavailable) {
		text = "Your credentials are right, but Directus has refused or ended the session that it opened for them. Try again in a moment"
	}
	return &ircd.LoginError{Reason: ircd.Unavailable, Text: text, Err: err}
}

// roomsHidden is the reply to a JOIN of a room by somebody who may read none, or not what they are
// called.
func roomsHidden(name string, r *rooms.Rooms, err error) error {
	return reply(irc.ERR_NOSUCHCHANNEL, "NO_SUCH_CHANNEL", "No such channel: Directus does not allow you to read the rooms, for which it takes "+r.Collection+".id and "+r.Collection+"."+r.Fields.Name+". "+whoRuns, err, name)
}

// notMade is the reply to a JOIN of a room that there is not and that was not made.
func notMade(name string, err error) error {
	switch {
	case errors.Is(err, rooms.ErrName):
		hint := "a name of letters, digits, - and _"
		if slug := rooms.Slug(name); slug != "" {
			hint = slug
		}
		return reply(irc.ERR_NOSUCHCHANNEL, "NO_SUCH_CHANNEL", "No such channel, and none is made of this name: try "+hint, err, name)
	case errors.Is(err, rooms.ErrTaken):
		return reply(irc.ERR_INVITEONLYCHAN, "NOT_ALLOWED", "Cannot join: Directus does not allow you to read the room of this name", err, name)
	case collection.IsForbidden(err):
		return reply(irc.ERR_NOSUCHCHANNEL, "NO_SUCH_CHANNEL", "No such channel, and Directus does not allow you to make one. LIST shows those there are", err, name)
	}
	text, passing := makingRoom.told(err)
	if passing || errors.Is(err, context.DeadlineExceeded) {
		return tryLater(text, err)
	}
	return reply(irc.ERR_NOSUCHCHANNEL, "NO_SUCH_CHANNEL", text, err, name)
}

func nameInUse(channel, name string) *ircd.Error {
	return reply("", "CHANNEL_NAME_IN_USE", "There is a channel of this name already: choose another name", nil, channel, name)
}

// notInvited is the reply to an INVITE of somebody who cannot join then either.
func notInvited(channel, text string, err error) *ircd.Error {
	return reply(irc.ERR_CHANOPRIVSNEEDED, "CANNOT_INVITE", text, err, channel)
}

// notRenamed is the reply to a RENAME that Directus has refused.
func notRenamed(channel, name string, err error) error {
	if errors.Is(err, rooms.ErrName) {
		return reply("", "CANNOT_RENAME", "No room gets this name: use letters, digits, - and _", err, channel, name)
	}
	if directus.IsCode(err, directus.CodeRecordNotUnique) {
		return nameInUse(channel, name)
	}
	text, passing := renamingRoom.told(err)
	if passing {
		return tryLater(text, err)
	}
	return reply("", "CANNOT_RENAME", text, err, channel, name)
}
