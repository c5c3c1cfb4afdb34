-- +goose Up

-- Why a time of a timer was not fired.
ALTER TABLE timer_fires ADD COLUMN reason TEXT NOT NULL DEFAULT '';
