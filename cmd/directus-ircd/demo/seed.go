package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/setup"
)

const adminEmail = "admin@example.com"

// user is an account of the demo. The nick is the one that IRC gives it.
type user struct {
	Email, Password string
	FirstName       string
	Nick            string
}

var (
	ada   = user{Email: "ada@example.com", Password: "demo-ada", FirstName: "Ada", Nick: "Ada"}
	kevin = user{Email: "kevin@example.com", Password: "demo-kevin", FirstName: "Kevin", Nick: "Kevin"}
)

// messages is what the first visitor finds. The place in the list is the
// nonce, by which a second attempt knows what the first one stored.
var messages = []struct {
	from user
	text string
}{
	{ada, "Hello Kevin! I write this in the chat page, in a browser."},
	{kevin, "And I in irssi. Both of us talk to the same Directus collection."},
	{ada, "/me looks at the collection in the Directus app and finds all three lines there"},
}

// seed makes the collection, the role, the accounts and the messages. It
// may be repeated after it was cut short.
func seed(ctx context.Context, address, adminPassword string) error {
	base, err := url.Parse(address)
	if err != nil {
		return err
	}
	client := directus.New(base, directus.Options{})
	defer client.Close()
	err = asUser(ctx, client, adminEmail, adminPassword, func(admin *directus.Account) error {
		report, err := setup.Run(ctx, admin, setup.Options{Edit: true})
		if err != nil {
			return fmt.Errorf("set directus up: %w", err)
		}
		if !report.Complete() {
			return errors.New("the demo's collection was changed: start again with --reset, which deletes its data")
		}
		for _, u := range []user{ada, kevin} {
			if _, err := setup.AddUser(ctx, admin, setup.User{Email: u.Email, Password: u.Password, FirstName: u.FirstName}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Each message is written by its author, since Directus itself fills the author in.
	for i, m := range messages {
		err := asUser(ctx, client, m.from.Email, m.from.Password, func(author *directus.Account) error {
			item := map[string]string{"text": m.text, "nonce": fmt.Sprintf("demo-%d", i+1)}
			err := author.CreateItem(ctx, "messages", item, nil, nil)
			if err != nil && !directus.IsCode(err, directus.CodeRecordNotUnique) {
				return fmt.Errorf("write a message: %w", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// asUser runs work with a session that ends with it.
func asUser(ctx context.Context, client *directus.Client, email, password string, work func(*directus.Account) error) error {
	account, err := client.Login(ctx, email, password, "")
	if err != nil {
		return fmt.Errorf("log in as %s: %w", email, err)
	}
	err = work(account)
	logout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return errors.Join(err, account.Logout(logout))
}
