#!/bin/sh
# Sends the message of alert_on_failure to every channel that has an address; one that accepts it is enough.
# Usage: send-alert.sh MAIL_FROM MAIL_TO SUBJECT
#
# The files `title`, `facts`, `message` and `link` are JSON strings. They go into messages as they are, in
# elements without markup, so that no text of a service can change a message. `mail` is the text of a mail.
# Secrets go to curl on standard input, because other users of the machine can see arguments. Kestra's own
# HTTP task would store the URLs in its outputs, which are not masked.
title=$(cat title)
facts=$(cat facts)
message=$(cat message)
link=$(cat link)
accepted=no

log() {
  printf '::{"logs":[{"level":"%s","message":"%s"}]}::\n' "$1" "$2"
}

# An option, for curl's configuration.
option() {
  printf '%s = "%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"]/\\&/g')"
}

# send CHANNEL OPTION…, with secret options on standard input.
send() {
  channel=$1
  shift
  if curl --config - --silent --show-error --fail --output /dev/null --connect-timeout 10 --max-time 60 "$@"; then
    log INFO "$channel accepted the message."
  else
    log WARN "$channel did not accept the message."
    return 1
  fi
}

# post CHANNEL URL JSON
post() {
  if option url "$2" | send "$1" --header 'Content-Type: application/json' --data-binary "$3"; then
    accepted=yes
  fi
}

if [ -n "$TEAMS_URL" ]; then
  text='{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":%s}]}'
  heading='{"type":"RichTextBlock","inlines":[{"type":"TextRun","weight":"Bolder","size":"Medium","text":%s}]}'
  body=$(printf "$heading,$text,$text" "$title" "$facts" "$message")
  actions=
  if [ "$link" != '""' ]; then
    actions=$(printf '{"type":"Action.OpenUrl","title":"Open the execution","url":%s}' "$link")
  fi
  card=$(printf '{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[%s],"actions":[%s]}' "$body" "$actions")
  post Teams "$TEAMS_URL" "$(printf '{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":%s}]}' "$card")"
fi

if [ -n "$SLACK_URL" ]; then
  text='{"type":"section","text":{"type":"plain_text","emoji":false,"text":%s}}'
  heading='{"type":"header","text":{"type":"plain_text","emoji":false,"text":%s}}'
  blocks=$(printf "$heading,$text,$text" "$title" "$facts" "$message")
  if [ "$link" != '""' ]; then
    button=$(printf '{"type":"button","text":{"type":"plain_text","text":"Open the execution"},"url":%s}' "$link")
    blocks="$blocks,{\"type\":\"actions\",\"elements\":[$button]}"
  fi
  post Slack "$SLACK_URL" "$(printf '{"text":%s,"blocks":[%s]}' "$title" "$blocks")"
fi

if [ -n "$MAIL_SERVER" ]; then
  printf 'From: %s\nTo: %s\nSubject: %s\nContent-Type: text/plain; charset=utf-8\n\n' "$1" "$2" "$3" | cat - mail > mail.txt
  if {
    option url "$MAIL_SERVER"
    if [ -n "$SMTP_USER" ]; then
      echo ssl-reqd
      option user "$SMTP_USER:$SMTP_PASSWORD"
    fi
  } | send Mail --mail-from "$1" --mail-rcpt "$2" --crlf --upload-file mail.txt; then
    accepted=yes
  fi
fi

if [ "$accepted" = no ]; then
  log ERROR "No channel accepted the message. The next failure sends it again."
  exit 1
fi
