"""Settings of Jitsi installations, read and told in the words of ours (`tertulia import-jitsi`)."""
