-- Sends the made-up page views to the table clicks.
INSERT INTO clicks SELECT user_id, page, amount, ts FROM made_up_clicks;
