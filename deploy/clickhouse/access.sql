-- Roles for the database plodwatch, run by a user with access management after the first
--   plodwatch migrate --clickhouse URL
-- for example with: clickhouse-client --user admin --queries-file access.sql
-- It can be run again at any time. The settings profiles are those of users.d/plodwatch.xml.
-- A statement ends with a semicolon at the end of a line.
--
-- Then users, for example:
--   CREATE USER analyzer IDENTIFIED BY '...' DEFAULT ROLE plodwatch_writer;
--   GRANT plodwatch_writer TO analyzer;
-- An athlete who asks for herself is a user whose name is her athlete ID, with the role plodwatch_athlete.

-- Makes and changes tables and views: plodwatch migrate, and plodwatch up, which migrates by itself. Takes rows
-- away: plodwatch delete and athlete delete, which on a cluster ask every server for what is left (REMOTE).
CREATE ROLE IF NOT EXISTS plodwatch_owner SETTINGS PROFILE 'plodwatch_writer';
GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW, ALTER TABLE, ALTER VIEW, SELECT, INSERT, TRUNCATE ON plodwatch.* TO plodwatch_owner;
GRANT CLUSTER, REMOTE ON *.* TO plodwatch_owner;
GRANT TABLE ENGINE ON ReplacingMergeTree TO plodwatch_owner;
GRANT TABLE ENGINE ON ReplicatedReplacingMergeTree TO plodwatch_owner;
GRANT TABLE ENGINE ON Distributed TO plodwatch_owner;

-- Writes and reads rows, and nothing else: plodwatch analyze, gate and the commands about sessions.
CREATE ROLE IF NOT EXISTS plodwatch_writer SETTINGS PROFILE 'plodwatch_writer';
GRANT SELECT, INSERT ON plodwatch.* TO plodwatch_writer;

-- Asks about everybody: coaches, Grafana.
CREATE ROLE IF NOT EXISTS plodwatch_reader SETTINGS PROFILE 'plodwatch_reader';
GRANT SELECT ON plodwatch.* TO plodwatch_reader;

-- Asks about the athlete whose ID is the user's name. Views read with the rights of who asks.
CREATE ROLE IF NOT EXISTS plodwatch_athlete SETTINGS PROFILE 'plodwatch_reader';
GRANT SELECT ON plodwatch.* TO plodwatch_athlete;

CREATE QUOTA IF NOT EXISTS plodwatch_reader KEYED BY user_name
    FOR INTERVAL 1 hour MAX queries = 20000, errors = 2000, execution_time = 3600
    TO plodwatch_reader, plodwatch_athlete;

-- On a cluster the tables are those that end with _local, too. One statement for each table that has athletes in it.
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.exports_versions, plodwatch.exports_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.exports_versions, plodwatch.exports_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.sessions_versions, plodwatch.sessions_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.sessions_versions, plodwatch.sessions_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.samples_versions, plodwatch.samples_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.samples_versions, plodwatch.samples_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.intensity_versions, plodwatch.intensity_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.intensity_versions, plodwatch.intensity_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.athlete_settings_versions, plodwatch.athlete_settings_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.athlete_settings_versions, plodwatch.athlete_settings_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.session_plans_versions, plodwatch.session_plans_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.session_plans_versions, plodwatch.session_plans_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.report_settings_versions, plodwatch.report_settings_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.report_settings_versions, plodwatch.report_settings_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.athlete_days_versions, plodwatch.athlete_days_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.athlete_days_versions, plodwatch.athlete_days_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.athlete_spans_versions, plodwatch.athlete_spans_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.athlete_spans_versions, plodwatch.athlete_spans_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.daily_log_versions, plodwatch.daily_log_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.daily_log_versions, plodwatch.daily_log_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.returns_versions, plodwatch.returns_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.returns_versions, plodwatch.returns_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.announced_warnings, plodwatch.announced_warnings_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.announced_warnings, plodwatch.announced_warnings_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.signal_days_versions, plodwatch.signal_days_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.signal_days_versions, plodwatch.signal_days_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.warnings_versions, plodwatch.warnings_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.warnings_versions, plodwatch.warnings_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.signal_spans_versions, plodwatch.signal_spans_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.signal_spans_versions, plodwatch.signal_spans_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.duplicate_choices_versions, plodwatch.duplicate_choices_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.duplicate_choices_versions, plodwatch.duplicate_choices_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch.return_spans_versions, plodwatch.return_spans_versions_local
    FOR SELECT USING athlete_id = currentUser() TO plodwatch_athlete;
CREATE ROW POLICY IF NOT EXISTS plodwatch_all ON plodwatch.return_spans_versions, plodwatch.return_spans_versions_local
    FOR SELECT USING 1 TO plodwatch_owner, plodwatch_writer, plodwatch_reader;
