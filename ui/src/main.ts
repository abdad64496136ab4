import { mount } from 'svelte';
import 'uplot/dist/uPlot.min.css';
import './app.css';
import App from './App.svelte';
import { load, pageOf } from './lib/pages';

// The script of the page is on its way while the frame is drawn.
load(pageOf(location.pathname))?.catch(() => {}); // the frame says it
mount(App, { target: document.getElementById('app')! });
