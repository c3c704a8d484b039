(function () {
  "use strict";
  var root = document.documentElement;
  var choices = document.querySelectorAll('input[name="language"]');
  function show(language) {
    root.lang = language;
    choices.forEach(function (choice) { choice.checked = choice.value === language; });
  }
  choices.forEach(function (choice) {
    choice.addEventListener("change", function () {
      show(choice.value);
      try { localStorage.setItem("hagane-language", choice.value); } catch (error) { /* a page opened from a file may have no storage */ }
    });
  });
  var asked = new URLSearchParams(location.search).get("lang"), kept = null;
  try { kept = localStorage.getItem("hagane-language"); } catch (error) { kept = null; }
  show((asked || kept) === "en" ? "en" : "ja");
  // A closed box prints empty.
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (box) { box.open = true; });
  });
})();
