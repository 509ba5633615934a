"""What public standards say and several members need: units by UCUM, versions by SemVer."""
