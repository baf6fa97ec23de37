package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// room is a room of the demo.
type room struct{ name, topic string }

var (
	talk  = room{"messages", "The demo's chat, kept in the Directus collections messages and rooms"}
	ideas = room{"ideas", "What this demo could do with"}
)

// messages is what the first visitor finds. The place in the list is the
// nonce, by which a second attempt knows what the first one stored.
var messages = []struct {
	from user
	in   room
	text string
}{
	{ada, talk, "Hello Kevin! I write this in the chat page, in a browser."},
	{kevin, talk, "And I in irssi. Both of us talk to the same Directus collection."},
	{ada, talk, "/me looks at the collection in the Directus app and finds all three lines there"},
	{kevin, ideas, "Make a room in the page, or with /join #new."},
}

// seed makes the collections, the role, the accounts, the rooms and the messages. It may be
// repeated after it was cut short, and gives rooms to a demo that had none.
func seed(ctx context.Context, address, adminPassword string) error {
	base, err := url.Parse(address)
	if err != nil {
		return err
	}
	client := directus.New(base, directus.Options{})
	defer client.Close()
	keys := map[room]json.Number{}
	err = asUser(ctx, client, adminEmail, adminPassword, func(admin *directus.Account) error {
		report, err := setup.Run(ctx, admin, setup.Options{Edit: true, Rooms: true})
		if err != nil {
			return fmt.Errorf("set directus up: %w", err)
		}
		if !report.Complete() {
			return errors.New("the demo's collections were changed: start again with --reset, which deletes its data")
		}
		for _, u := range []user{ada, kevin} {
			if _, err := setup.AddUser(ctx, admin, setup.User{Email: u.Email, Password: u.Password, FirstName: u.FirstName}); err != nil {
				return err
			}
		}
		for _, r := range []room{talk, ideas} {
			if keys[r], err = r.make(ctx, admin); err != nil {
				return err
			}
		}
		return settle(ctx, admin, keys[talk])
	})
	if err != nil {
		return err
	}
	// Each message is written by its author, since Directus itself fills the author in.
	for i, m := range messages {
		err := asUser(ctx, client, m.from.Email, m.from.Password, func(author *directus.Account) error {
			item := map[string]any{"text": m.text, "nonce": fmt.Sprintf("demo-%d", i+1), "room": keys[m.in]}
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

// make makes a room, unless there is one of its name, and returns its key.
func (r room) make(ctx context.Context, admin *directus.Account) (json.Number, error) {
	err := admin.CreateItem(ctx, "rooms", map[string]any{"name": r.name, "topic": r.topic}, nil, nil)
	if err != nil && !directus.IsCode(err, directus.CodeRecordNotUnique) {
		return "", fmt.Errorf("make a room: %w", err)
	}
	var found []struct{ ID json.Number }
	err = admin.Items(ctx, "rooms", directus.Query{Fields: []string{"id"}, Filter: directus.Eq("name", r.name), Limit: 1}, &found)
	if err == nil && len(found) == 0 {
		err = errors.New("it is not there")
	}
	if err != nil {
		return "", fmt.Errorf("look for a room: %w", err)
	}
	return found[0].ID, nil
}

// settle moves the messages without a room into one: those of a demo that had no rooms.
func settle(ctx context.Context, admin *directus.Account, room json.Number) error {
	err := admin.Do(ctx, http.MethodPatch, "/items/messages", nil, map[string]any{
		"query": map[string]any{"filter": map[string]any{"room": map[string]any{"_null": true}}, "limit": -1},
		"data":  map[string]any{"room": room},
	}, nil)
	if err != nil {
		return fmt.Errorf("move the messages into a room: %w", err)
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
