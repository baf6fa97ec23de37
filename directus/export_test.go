package directus

import "context"

// RefreshToken is the refresh token of the moment.
func (a *Account) RefreshToken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refresh
}

// TryRefresh offers a refresh token to Directus.
func (c *Client) TryRefresh(ctx context.Context, refreshToken string) error {
	_, err := c.authenticate(ctx, "/auth/refresh", map[string]string{"refresh_token": refreshToken, "mode": "json"})
	return err
}
