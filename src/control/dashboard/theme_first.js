// Before the first paint: the scheme that was chosen here, where one was. No module, for those run too late.
'use strict';
try {
    const chosen = localStorage.getItem('penstock.theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
    // No storage: the system's scheme.
}
